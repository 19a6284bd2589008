import { useEffect, useRef, useState } from 'preact/hooks'
import type { EventDetail } from '../api/documents.js'
import { votesCount } from '../model/wording.js'

/** A screen reader is told how it stands, but not more often than this. */
const SPEAK_EVERY_MS = 15_000

export const Announcer = ({ event }: { readonly event: EventDetail }) => {
  const [words, setWords] = useState('')
  const latest = useRef(event)
  latest.current = event
  useEffect(() => {
    const timer = setInterval(() => setWords(sentenceOf(latest.current)), SPEAK_EVERY_MS)
    return () => clearInterval(timer)
  }, [])
  return (
    <p class="visually-hidden" role="status" aria-live="polite">
      {words}
    </p>
  )
}

const sentenceOf = ({ contestants, leaderboard }: EventDetail): string => {
  const leader = leaderboard.standings[0]
  const name = contestants.find(({ id }) => id === leader?.contestant.id)?.name
  if (!leader || name === undefined || leaderboard.totalVotes === 0) return ''
  return `${name} leads with ${votesCount(leader.totalVotes)} of ${leaderboard.totalVotes}.`
}
