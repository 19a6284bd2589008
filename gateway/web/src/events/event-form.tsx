import { useRef, useState } from 'preact/hooks'
import { CREATE_EVENT, type EventDraft } from '../api/documents.js'
import { pathOfEvent } from '../router.js'
import { useServices } from '../services.js'
import { CrossIcon } from '../shell/icons.js'
import { Notice } from '../shell/notice.js'
import { useWatched } from '../state.js'
import { rememberMade } from './made-events.js'

const CONTESTANTS_MAX = 500

/** For admins: makes an event. */
export const EventForm = () => {
  const { graph, router, session, storage } = useServices()
  const user = useWatched(session.user)
  const nextKey = useRef(2)
  const [keys, setKeys] = useState<readonly number[]>([0, 1])
  const [sentence, setSentence] = useState<string>()
  const [busy, setBusy] = useState(false)
  if (!user?.isAdmin) return <Notice kind="warning">Please sign in as an admin to make an event.</Notice>

  const create = async (form: HTMLFormElement) => {
    const draft = readDraft(new FormData(form))
    if (typeof draft === 'string') return setSentence(draft)
    setBusy(true)
    setSentence(undefined)
    const answer = await graph.tell(CREATE_EVENT, { input: draft })
    setBusy(false)
    if (answer.kind === 'failure') return setSentence(answer.failure.sentence)
    rememberMade(storage, user.id, answer.data.createEvent.id)
    router.go(pathOfEvent(answer.data.createEvent.id))
  }

  return (
    <section class="narrow" aria-labelledby="new-title">
      <a class="back" href="/">
        ← All events
      </a>
      <h1 id="new-title">New event</h1>
      <form
        class="form card"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (!busy) void create(event.currentTarget)
        }}
      >
        <label class="field">
          <span>Name</span>
          <input name="name" maxLength={200} />
        </label>
        <div class="field-pair">
          <label class="field">
            <span>
              Voting begins <em>(at once when empty)</em>
            </span>
            <input name="opensAt" type="datetime-local" />
          </label>
          <label class="field">
            <span>
              Voting ends <em>(when closed, if empty)</em>
            </span>
            <input name="closesAt" type="datetime-local" />
          </label>
        </div>
        <h2 class="card-title">Contestants</h2>
        {keys.map((key, index) => (
          <fieldset key={key} class="contestant-fields">
            <legend class="visually-hidden">Contestant {index + 1}</legend>
            <label class="field">
              <span>Name</span>
              <input name="contestantName" maxLength={200} />
            </label>
            <label class="field">
              <span>Description</span>
              <input name="contestantDescription" maxLength={2000} />
            </label>
            <button
              type="button"
              class="button button-icon"
              aria-label={`Remove contestant ${index + 1}`}
              disabled={keys.length === 1}
              onClick={() => setKeys(keys.filter((each) => each !== key))}
            >
              <CrossIcon />
            </button>
          </fieldset>
        ))}
        <button
          type="button"
          class="button"
          disabled={keys.length >= CONTESTANTS_MAX}
          onClick={() => {
            setKeys([...keys, nextKey.current])
            nextKey.current += 1
          }}
        >
          Add a contestant
        </button>
        {sentence && <Notice kind="error">{sentence}</Notice>}
        <button type="submit" class="button button-main" aria-disabled={busy}>
          {busy ? 'Creating …' : 'Create the event'}
        </button>
      </form>
    </section>
  )
}

/** The draft, or a sentence that says what is missing. */
const readDraft = (fields: FormData): EventDraft | string => {
  const text = (value: FormDataEntryValue | null | undefined) =>
    typeof value === 'string' ? value.trim() : ''
  const time = (name: string) => {
    const value = text(fields.get(name))
    return value === '' ? null : new Date(value).toISOString()
  }
  const name = text(fields.get('name'))
  const descriptions = fields.getAll('contestantDescription')
  const contestants = fields.getAll('contestantName').map((each, index) => ({
    name: text(each),
    description: text(descriptions[index]),
    imageUrl: `${location.origin}/contestant.svg`,
  }))
  if (name === '') return 'Please give the event a name.'
  if (contestants.some((contestant) => contestant.name === '' || contestant.description === '')) {
    return 'Please give each contestant a name and a description.'
  }
  const [opensAt, closesAt] = [time('opensAt'), time('closesAt')]
  if (opensAt !== null && closesAt !== null && closesAt <= opensAt) return 'Voting must end after it begins.'
  return { name, contestants, opensAt, closesAt }
}
