import { useEffect, useRef } from 'preact/hooks'
import { EventForm } from '../events/event-form.js'
import { EventList } from '../events/event-list.js'
import { EventPage } from '../events/event-page.js'
import { useServices } from '../services.js'
import { useWatched } from '../state.js'
import { Header } from './header.js'
import { Notice } from './notice.js'
import { SignInDialog } from './sign-in-dialog.js'

export const App = () => {
  const { session } = useServices()
  const notice = useWatched(session.notice)
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to the content
      </a>
      <Header />
      <main id="main" class="main" tabIndex={-1}>
        {notice && <Notice kind="warning">{notice}</Notice>}
        <PlaceView />
      </main>
      <footer class="footer">
        <p>Every vote is on disk before it is acknowledged, and counted exactly once.</p>
        <p>
          <a href="/v1/docs">REST</a> <a href="/graphiql">GraphQL</a>
        </p>
      </footer>
      <SignInDialog />
    </>
  )
}

const PlaceView = () => {
  const { router } = useServices()
  const place = useWatched(router.place)
  const address = place.kind === 'event' ? place.id : place.kind
  const first = useRef(true)
  useEffect(() => {
    // After a step within the page a screen reader begins at the new content, as after a load.
    if (!first.current) document.getElementById('main')?.focus({ preventScroll: true })
    first.current = false
    if (address === 'events') document.title = 'Votestream'
  }, [address])
  switch (place.kind) {
    case 'events':
      return <EventList />
    case 'event':
      return <EventPage key={place.id} id={place.id} />
    case 'new':
      return <EventForm />
    case 'nowhere':
      return (
        <Notice kind="warning">
          There is nothing at this address. <a href="/">See all events</a>
        </Notice>
      )
  }
}
