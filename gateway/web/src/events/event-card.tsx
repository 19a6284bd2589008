import type { EventSummary } from '../api/documents.js'
import { percentage, wholeNumber } from '../model/wording.js'
import { pathOfEvent } from '../router.js'
import { StatusPill, timesSentence } from './status-pill.js'

const PLACES = 3

export const EventCard = ({ event }: { readonly event: EventSummary }) => {
  const { totalVotes, standings } = event.leaderboard
  const most = Math.max(1, standings[0]?.totalVotes ?? 0)
  return (
    <a class="card event-card" href={pathOfEvent(event.id)}>
      <span class="event-card-head">
        <StatusPill status={event.status} />
        <span class="muted small">{timesSentence(event, Date.now())}</span>
      </span>
      <strong class="event-card-name">{event.name}</strong>
      <span class="event-card-total">
        <b class="figure">{wholeNumber(totalVotes)}</b> {totalVotes === 1 ? 'vote' : 'votes'}
      </span>
      <span class="mini-board">
        {standings.slice(0, PLACES).map((standing, place) => (
          <span
            key={standing.contestant.id}
            class={place === 0 && totalVotes > 0 ? 'mini-row leading' : 'mini-row'}
          >
            <span class="mini-name">{standing.contestant.name}</span>
            <span class="mini-share figure">{totalVotes > 0 ? percentage(standing.share) : '–'}</span>
            <span class="bar" aria-hidden="true">
              <span
                class="bar-fill"
                style={{ transform: `translateX(${(standing.totalVotes / most - 1) * 100}%)` }}
              />
            </span>
          </span>
        ))}
      </span>
    </a>
  )
}
