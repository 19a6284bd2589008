import { useEffect } from 'preact/hooks'
import { Announcer } from '../board/announcer.js'
import { Board } from '../board/board.js'
import { ConnectionBadge } from '../board/connection-badge.js'
import { Figures } from '../board/figures.js'
import { TimelineChart } from '../board/timeline-chart.js'
import { useLiveBoard } from '../board/use-live-board.js'
import { useServices } from '../services.js'
import { Notice } from '../shell/notice.js'
import { useNow } from '../state.js'
import { Ballot } from '../vote/ballot.js'
import { useVoteDesk } from '../vote/use-vote-desk.js'
import { CloseButton } from './close-button.js'
import { StatusPill, timesSentence } from './status-pill.js'
import { useEvent } from './use-event.js'

export const EventPage = ({ id }: { readonly id: string }) => {
  const { now } = useServices()
  const { event, failure } = useEvent(id)
  const live = useLiveBoard(id)
  const { desk, state } = useVoteDesk(id)
  useNow(1_000)
  useEffect(() => {
    document.title = event ? `${event.name} · Votestream` : 'Votestream'
  }, [event?.name])

  if (!event) return <EventMissing sentence={failure?.sentence} mayPass={failure?.mayPass ?? true} />
  const times = timesSentence(event, now())
  const chosenId = 'contestantId' in state ? state.contestantId : undefined
  return (
    <article class="event">
      <header class="event-head">
        <div>
          <a class="back" href="/">
            ← All events
          </a>
          <h1>{event.name}</h1>
          <div class="event-facts">
            <StatusPill status={event.status} />
            {times !== '' && <span class="muted">{times}</span>}
            <ConnectionBadge failure={live.failure} />
            <CloseButton event={event} />
          </div>
        </div>
        <Figures totalVotes={event.leaderboard.totalVotes} rate={live.rate} lastVoteMs={live.lastVoteMs} />
      </header>
      <div class="event-columns">
        <div class="event-main">
          <Board event={event} chosenId={chosenId} />
          <TimelineChart timeline={live.timeline} />
        </div>
        {event.status === 'OPEN' && (state.step === 'none' || state.step === 'refused') && (
          <a class="button button-main vote-jump" href="#ballot">
            Cast your vote
          </a>
        )}
        <Ballot event={event} desk={desk} state={state} />
      </div>
      <Announcer event={event} />
    </article>
  )
}

interface EventMissingProps {
  readonly sentence: string | undefined
  readonly mayPass: boolean
}

const EventMissing = ({ sentence, mayPass }: EventMissingProps) => (
  <section>
    <a class="back" href="/">
      ← All events
    </a>
    {sentence ? (
      <Notice kind="warning">
        {sentence} {mayPass && 'Trying again …'}
      </Notice>
    ) : (
      <div class="card skeleton skeleton-tall" aria-hidden="true" />
    )}
  </section>
)
