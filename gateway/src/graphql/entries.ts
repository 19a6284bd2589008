import type { IncomingMessage } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import type { Admission } from '../admission/admission.js'
import type { Caller } from '../caller.js'

/** How a request was let in. */
export type Entry = { readonly caller: Caller | undefined } | { readonly refusal: VotestreamError }

/** Requests for operations over HTTP: each is admitted once, though several parts have to do with it. */
export interface Entries {
  /** @param cost in requests, of the operation where it is known: of a request that came before it is not asked again */
  of(request: IncomingMessage, cost?: number): Entry
  /** What the operation costs, once it is known. @throws VotestreamError RATE_LIMITED */
  settle(request: IncomingMessage, cost: number): void
}

interface Paid {
  readonly entry: Entry
  cost: number
}

export const createEntries = (admission: Pick<Admission, 'enter' | 'originOf' | 'charge'>): Entries => {
  const known = new WeakMap<IncomingMessage, Paid>()
  return {
    of(request, cost = 1) {
      const paid = known.get(request)
      if (paid) return paid.entry
      const entry = enter(admission, request, cost)
      known.set(request, { entry, cost })
      return entry
    },
    settle(request, cost) {
      const paid = known.get(request)
      if (!paid || !('caller' in paid.entry) || cost <= paid.cost) return
      admission.charge(admission.originOf(request), 'graphql', paid.entry.caller, cost - paid.cost)
      paid.cost = cost
    },
  }
}

const enter = (admission: Pick<Admission, 'enter'>, request: IncomingMessage, cost: number): Entry => {
  try {
    return { caller: admission.enter(request, 'graphql', cost) }
  } catch (error) {
    if (error instanceof VotestreamError) return { refusal: error }
    throw error
  }
}
