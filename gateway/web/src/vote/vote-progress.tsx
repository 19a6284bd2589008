import { CheckIcon } from '../shell/icons.js'
import { Notice } from '../shell/notice.js'
import type { VoteState } from './vote-state.js'

interface VoteProgressProps {
  readonly state: VoteState
  readonly name: string | undefined
  readonly onRepeat: () => void
}

export const VoteProgress = ({ state, name, onRepeat }: VoteProgressProps) => {
  const whom = name === undefined ? null : <p class="voted-for">{name}</p>
  switch (state.step) {
    case 'sending':
      return (
        <>
          {whom}
          <Steps reached={0} />
          {state.note && <Notice kind="warning">{state.note}</Notice>}
        </>
      )
    case 'acknowledged':
      return (
        <>
          {whom}
          <Steps reached={1} />
        </>
      )
    case 'counted':
      return (
        <>
          {whom}
          <Steps reached={2} />
          <Notice kind="good">Your vote is counted. Thank you!</Notice>
        </>
      )
    case 'unreached':
      return (
        <>
          {whom}
          <Notice kind="error">
            {state.sentence} We cannot tell yet whether your vote arrived. Trying again is safe: it counts
            once.
          </Notice>
          <button type="button" class="button button-main" onClick={onRepeat}>
            Try again
          </button>
        </>
      )
    case 'rejected':
      return (
        <>
          {whom}
          <Notice kind="error">Your vote was not counted: {state.reason}</Notice>
        </>
      )
    case 'already':
      return <Notice kind="info">{state.sentence}</Notice>
    case 'none':
    case 'refused':
      return null
  }
}

const STEPS = [
  { name: 'Sending', done: 'Sent' },
  { name: 'Acknowledged', done: 'Acknowledged' },
  { name: 'Counted', done: 'Counted' },
] as const

/** `reached` is the last step that is certain; the first one is only under way. */
const Steps = ({ reached }: { readonly reached: 0 | 1 | 2 }) => (
  <div role="status">
    <ol class="steps" data-reached={reached}>
      {STEPS.map(({ name, done }, index) => {
        const isDone = index <= reached && reached > 0
        const isUnderWay = reached === 0 ? index === 0 : index === reached + 1
        const kind = isDone ? 'step done' : isUnderWay ? 'step under-way' : 'step'
        return (
          <li key={name} class={kind} {...(isUnderWay ? { 'aria-current': 'step' } : {})}>
            <i class="step-mark" aria-hidden="true">
              {isDone && <CheckIcon />}
            </i>
            {isDone ? done : name}
          </li>
        )
      })}
    </ol>
  </div>
)
