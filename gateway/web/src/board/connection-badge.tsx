import type { Failure } from '../model/failure-words.js'
import { duration } from '../model/wording.js'
import { useServices } from '../services.js'
import { useNow, useWatched } from '../state.js'

/** Pings are answered every few seconds: after this something is wrong. */
const STALE_AFTER_MS = 12_000

type Tone = 'live' | 'stale' | 'away'

/** Whether the page hears from the service, and how old what it shows may be. */
export const ConnectionBadge = ({ failure }: { readonly failure: Failure | undefined }) => {
  const { viewerSocket } = useServices()
  const phase = useWatched(viewerSocket.phase)
  const nowMs = useNow(1_000)
  const heardAtMs = viewerSocket.heardAtMs()
  const ageMs = heardAtMs === 0 ? 0 : Math.max(0, nowMs - heardAtMs)
  const { tone, words } = stateOf(phase, ageMs, heardAtMs > 0, failure)
  return (
    <span class={`connection connection-${tone}`} data-connection={tone}>
      <i class="connection-dot" aria-hidden="true" />
      <span>{words}</span>
    </span>
  )
}

const stateOf = (
  phase: 'connecting' | 'live' | 'reconnecting',
  ageMs: number,
  heard: boolean,
  failure: Failure | undefined,
): { tone: Tone; words: string } => {
  if (phase === 'connecting') return { tone: 'away', words: 'Connecting …' }
  if (phase === 'reconnecting') {
    return { tone: 'away', words: heard ? `Reconnecting … ${duration(ageMs)} old` : 'Reconnecting …' }
  }
  if (failure) return { tone: 'stale', words: failure.sentence }
  if (ageMs > STALE_AFTER_MS) return { tone: 'stale', words: `Stale for ${duration(ageMs)}` }
  return { tone: 'live', words: 'Live' }
}
