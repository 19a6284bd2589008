import { useState } from 'preact/hooks'
import { CLOSE_EVENT, type EventTimes } from '../api/documents.js'
import { useServices } from '../services.js'
import { Notice } from '../shell/notice.js'
import { useWatched } from '../state.js'
import { madeHere } from './made-events.js'

/** For admins and for who made the event: ends the voting, after a second click. */
export const CloseButton = ({ event }: { readonly event: EventTimes }) => {
  const { graph, session, storage } = useServices()
  const user = useWatched(session.user)
  const [asked, setAsked] = useState(false)
  const [busy, setBusy] = useState(false)
  const [sentence, setSentence] = useState<string>()
  const mayClose = user?.isAdmin || (user && madeHere(storage, user.id, event.id))
  if (!mayClose || event.status === 'CLOSED') return null

  const close = async () => {
    setBusy(true)
    const answer = await graph.tell(CLOSE_EVENT, { id: event.id })
    setBusy(false)
    setAsked(false)
    setSentence(answer.kind === 'failure' ? answer.failure.sentence : undefined)
  }

  return (
    <span class="close-event">
      {asked ? (
        <>
          <button
            type="button"
            class="button button-danger"
            aria-disabled={busy}
            onClick={() => void close()}
          >
            {busy ? 'Closing …' : 'Yes, end the voting'}
          </button>
          <button type="button" class="button button-quiet" onClick={() => setAsked(false)}>
            Keep it open
          </button>
        </>
      ) : (
        <button type="button" class="button button-quiet" onClick={() => setAsked(true)}>
          Close voting
        </button>
      )}
      {sentence && <Notice kind="error">{sentence}</Notice>}
    </span>
  )
}
