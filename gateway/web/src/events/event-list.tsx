import { useServices } from '../services.js'
import { Notice } from '../shell/notice.js'
import { useWatched } from '../state.js'
import { EventCard } from './event-card.js'
import { useEvents } from './use-events.js'

export const EventList = () => {
  const { session } = useServices()
  const isAdmin = useWatched(session.user)?.isAdmin === true
  const { events, hasMore, loading, failure, loadMore } = useEvents()
  return (
    <section aria-labelledby="events-title">
      <div class="page-head">
        <h1 id="events-title">Events</h1>
        <p class="page-lead">Every vote, on your screen as it is counted.</p>
      </div>
      {failure && <Notice kind="warning">{failure.sentence} Trying again …</Notice>}
      {!events && !failure && <CardSkeletons />}
      {events?.length === 0 && (
        <Notice kind="info">
          There are no events yet. {isAdmin && <a href="/new">Make the first one</a>}
        </Notice>
      )}
      {events && (
        <ul class="card-grid">
          {events.map((event) => (
            <li key={event.id}>
              <EventCard event={event} />
            </li>
          ))}
        </ul>
      )}
      {hasMore && (
        <div class="load-more">
          <button type="button" class="button" aria-disabled={loading} onClick={loadMore}>
            {loading ? 'Loading …' : 'Load more'}
          </button>
        </div>
      )}
    </section>
  )
}

const CardSkeletons = () => (
  <ul class="card-grid" aria-hidden="true">
    {[0, 1, 2].map((place) => (
      <li key={place} class="card skeleton" />
    ))}
  </ul>
)
