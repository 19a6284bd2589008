import type { VoteRate } from '../model/vote-rate.js'
import { duration, rateNumber, wholeNumber } from '../model/wording.js'
import { useNow } from '../state.js'

interface FiguresProps {
  readonly totalVotes: number
  readonly rate: VoteRate
  readonly lastVoteMs: number | undefined
}

export const Figures = ({ totalVotes, rate, lastVoteMs }: FiguresProps) => {
  const nowMs = useNow(500)
  return (
    <dl class="figures">
      <div>
        <dt>Votes</dt>
        <dd class="figure" data-figure="total">
          {wholeNumber(totalVotes)}
        </dd>
      </div>
      <div>
        <dt>Per second</dt>
        <dd class="figure">{rateNumber(rate.perSecond(nowMs))}</dd>
      </div>
      <div>
        <dt>Last vote</dt>
        <dd class="figure">{lastVoteWords(lastVoteMs, nowMs)}</dd>
      </div>
    </dl>
  )
}

const lastVoteWords = (atMs: number | undefined, nowMs: number): string => {
  if (atMs === undefined) return '–'
  return nowMs - atMs < 1_500 ? 'now' : `${duration(nowMs - atMs)} ago`
}
