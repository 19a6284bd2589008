import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Verdict } from '@votestream/schema/votes'
import { type Client, createClient } from '../demo/client.js'
import type { Ledger } from './ledger.js'
import type { Chance } from './random.js'

/** A vote that was acknowledged. */
export interface DecidableVote {
  readonly voteId: string
  readonly event: number
  readonly voter: number
}

/** Somebody who rejects votes and admits them again, one decision after the other, whatever breaks meanwhile. */
export interface Operator {
  /** Takes a vote that may be decided on: of those that came last, it picks. */
  offer(vote: DecidableVote): void
  /** No new decision; the one under way is asked for until it is answered, or patience ends. */
  finish(): Promise<void>
}

interface OperatorOptions {
  readonly gatewayUrls: readonly string[]
  /** Of scope `admin`. */
  readonly token: string
  readonly ledger: Ledger
  readonly chance: Chance
}

const PATIENCE_MS = 30_000
const PAUSE_MS = 150
const OFFERED_MAX = 200

const DECIDE = 'mutation Decide($input: DecideVoteInput!) { decideVote(input: $input) { voteId } }'

export const startOperator = ({ gatewayUrls, token, ledger, chance }: OperatorOptions): Operator => {
  const clients = gatewayUrls.map((url) => createClient(url, PATIENCE_MS))
  const offered: DecidableVote[] = []
  let working = true

  const ask = (client: Client, voteId: string, verdict: Verdict): Promise<unknown> =>
    chance.next() < 0.5
      ? client.call('POST', `/v1/vote/${voteId}/decision`, { token, body: { verdict } })
      : client.execute(DECIDE, { input: { voteId, verdict: verdict.toUpperCase() } }, { token })

  const decide = async ({ voteId, event, voter }: DecidableVote): Promise<void> => {
    const verdict: Verdict = chance.next() < 0.6 ? 'reject' : 'admit'
    const name = randomUUID()
    // Before it is first sent, so that none is under way unrecorded.
    ledger.write({ kind: 'decision', name, event, voter, verdict, atMs: Date.now() })
    await ask(chance.pick(clients), voteId, verdict).then(
      () => ledger.write({ kind: 'decided', name, atMs: Date.now() }),
      // Not answered in all its patience: it may stand in the log or not.
      () => undefined,
    )
  }

  const running = (async () => {
    while (working) {
      if (offered.length > 0) await decide(chance.pick(offered))
      await pause(PAUSE_MS)
    }
  })()

  return {
    offer(vote) {
      offered.push(vote)
      if (offered.length > OFFERED_MAX) offered.shift()
    },
    async finish() {
      working = false
      await running
    },
  }
}
