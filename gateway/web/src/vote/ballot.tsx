import { useState } from 'preact/hooks'
import type { EventDetail } from '../api/documents.js'
import { useServices } from '../services.js'
import { Avatar } from '../shell/avatar.js'
import { Notice } from '../shell/notice.js'
import type { VoteDesk } from './vote-desk.js'
import { VoteProgress } from './vote-progress.js'
import type { VoteState } from './vote-state.js'

interface BallotProps {
  readonly event: EventDetail
  /** Undefined for who is not signed in. */
  readonly desk: VoteDesk | undefined
  readonly state: VoteState
}

/** The contestants in their own order, which never changes: nobody votes on a moving target. */
export const Ballot = ({ event, desk, state }: BallotProps) => {
  const chosenId = 'contestantId' in state ? state.contestantId : undefined
  const chosen = event.contestants.find(({ id }) => id === chosenId)
  const done = state.step !== 'none' && state.step !== 'refused'
  return (
    <section id="ballot" class="card ballot" aria-labelledby="ballot-title">
      <h2 id="ballot-title" class="card-title">
        {done ? 'Your vote' : 'Cast your vote'}
      </h2>
      {done ? (
        <VoteProgress state={state} name={chosen?.name} onRepeat={() => desk?.repeat()} />
      ) : (
        <BallotForm event={event} desk={desk} state={state} />
      )}
    </section>
  )
}

const BallotForm = ({ event, desk, state }: BallotProps) => {
  const { signInOpen } = useServices()
  const [chosenId, setChosenId] = useState<string>()
  const chosen = event.contestants.find(({ id }) => id === chosenId)
  const closed = closedSentence(event)
  if (closed) return <Notice kind="info">{closed}</Notice>
  return (
    <form
      class="form"
      onSubmit={(submitted) => {
        submitted.preventDefault()
        if (!desk) signInOpen.set(true)
        else if (chosenId !== undefined) desk.vote(chosenId)
      }}
    >
      <fieldset class="choices">
        <legend class="visually-hidden">Contestants</legend>
        {event.contestants.map(({ id, name, description, imageUrl }) => (
          <label key={id} class="choice">
            <input
              type="radio"
              name="contestant"
              value={id}
              checked={id === chosenId}
              onChange={() => setChosenId(id)}
            />
            <Avatar name={name} imageUrl={imageUrl} />
            <span class="choice-words">
              <span class="choice-name">{name}</span>
              <span class="choice-description">{description}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {state.step === 'refused' && <Notice kind="error">{state.sentence}</Notice>}
      <button type="submit" class="button button-main" disabled={desk !== undefined && !chosen}>
        {buttonWords(desk !== undefined, chosen?.name)}
      </button>
      <p class="muted small">One vote for each person. It cannot be changed.</p>
    </form>
  )
}

const buttonWords = (signedIn: boolean, name: string | undefined): string => {
  if (!signedIn) return 'Sign in to vote'
  return name === undefined ? 'Choose a contestant' : `Vote for ${name}`
}

const closedSentence = ({ status }: EventDetail): string | undefined => {
  if (status === 'CLOSED') return 'Voting in this event is over.'
  if (status === 'SCHEDULED') return 'Voting in this event has not begun.'
  return undefined
}
