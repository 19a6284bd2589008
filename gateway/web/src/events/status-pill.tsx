import type { EventTimes } from '../api/documents.js'
import { moment } from '../model/wording.js'

const WORDS = { SCHEDULED: 'Scheduled', OPEN: 'Open', CLOSED: 'Closed' } as const

export const StatusPill = ({ status }: Pick<EventTimes, 'status'>) => (
  <span class={`pill pill-${status.toLowerCase()}`}>{WORDS[status]}</span>
)

/** When voting begins or ends, in words; empty when no end is set. */
export const timesSentence = ({ status, opensAt, closesAt }: EventTimes, nowMs: number): string => {
  const now = new Date(nowMs)
  const at = (text: string) => moment(new Date(text), now)
  if (status === 'SCHEDULED') return opensAt ? `Voting begins ${at(opensAt)}` : 'Voting begins soon'
  if (status === 'CLOSED') return closesAt ? `Voting ended ${at(closesAt)}` : 'Voting is over'
  return closesAt ? `Voting ends ${at(closesAt)}` : ''
}
