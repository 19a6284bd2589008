import type { IncomingMessage } from 'node:http'
import { VotestreamError } from '@votestream/schema/errors'
import type { Admission } from '../admission/admission.js'
import type { Caller } from '../caller.js'

/** How a request was let in. */
export type Entry = { readonly caller: Caller | undefined } | { readonly refusal: VotestreamError }

/** Requests for operations over HTTP: each is admitted once, though several parts have to do with it. */
export interface Entries {
  /**
   * @param cost in requests, of the operation where it is known: of a request that came before it is not asked again
   * @returns a promise where a quota has to be asked for
   */
  of(request: IncomingMessage, cost?: number): Entry | Promise<Entry>
  /** What the operation costs, once it is known and the request was let in. @throws VotestreamError as `Admission.charge` */
  settle(request: IncomingMessage, cost: number): Promise<void> | undefined
}

interface Paid {
  entry: Entry | Promise<Entry>
  cost: number
}

export const createEntries = (admission: Pick<Admission, 'enter' | 'originOf' | 'charge'>): Entries => {
  const known = new WeakMap<IncomingMessage, Paid>()
  return {
    of(request, cost = 1) {
      const paid = known.get(request)
      if (paid) return paid.entry
      const entry = enter(admission, request, cost)
      const entered: Paid = { entry, cost }
      known.set(request, entered)
      if (entry instanceof Promise)
        entry.then(
          (settled) => {
            entered.entry = settled
          },
          () => undefined,
        )
      return entry
    },
    settle(request, cost) {
      const paid = known.get(request)
      if (!paid || !('caller' in paid.entry) || cost <= paid.cost) return undefined
      const more = cost - paid.cost
      const charged = admission.charge(admission.originOf(request), 'graphql', paid.entry.caller, more)
      paid.cost = cost
      return charged
    },
  }
}

const enter = (
  admission: Pick<Admission, 'enter'>,
  request: IncomingMessage,
  cost: number,
): Entry | Promise<Entry> => {
  try {
    const entered = admission.enter(request, 'graphql', cost)
    if (entered instanceof Promise) return entered.then((caller) => ({ caller }), refusalOf)
    return { caller: entered }
  } catch (error) {
    return refusalOf(error)
  }
}

const refusalOf = (error: unknown): Entry => {
  if (error instanceof VotestreamError) return { refusal: error }
  throw error
}
