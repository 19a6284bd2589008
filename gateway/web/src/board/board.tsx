import { useState } from 'preact/hooks'
import type { Contestant, EventDetail } from '../api/documents.js'
import { percentage, votesCount, wholeNumber } from '../model/wording.js'
import { Avatar } from '../shell/avatar.js'
import { useMoves } from './use-moves.js'

/** An event may have 500 contestants; those in front are what people come for. */
const ROWS_SHOWN = 20

interface BoardProps {
  readonly event: EventDetail
  readonly chosenId: string | undefined
}

/** The standings, first place first. Rows glide to their new places. */
export const Board = ({ event, chosenId }: BoardProps) => {
  const { contestants, leaderboard } = event
  const [all, setAll] = useState(false)
  const standings = all ? leaderboard.standings : leaderboard.standings.slice(0, ROWS_SHOWN)
  const list = useMoves<HTMLOListElement>(standings.map(({ contestant }) => contestant.id).join(' '))
  const byId = new Map<string, Contestant>(contestants.map((contestant) => [contestant.id, contestant]))
  const most = Math.max(1, leaderboard.standings[0]?.totalVotes ?? 0)
  const hidden = leaderboard.standings.length - standings.length
  return (
    <section class="card board" aria-labelledby="board-title" data-version={leaderboard.version}>
      <h2 id="board-title" class="card-title">
        Standings
      </h2>
      <ol class="board-rows" ref={list}>
        {standings.map(({ rank, totalVotes, share, contestant: { id } }) => (
          <li
            key={id}
            data-id={id}
            data-total={totalVotes}
            class={rank === 1 && totalVotes > 0 ? 'row leading' : 'row'}
          >
            <span class="row-rank figure">
              <span class="visually-hidden">Rank </span>
              {rank}
            </span>
            <Avatar name={byId.get(id)?.name ?? '?'} imageUrl={byId.get(id)?.imageUrl ?? ''} />
            <span class="row-body">
              <span class="row-who">
                <span class="row-name">{byId.get(id)?.name ?? 'Unknown contestant'}</span>
                {chosenId === id && <span class="chip">Your vote</span>}
              </span>
              <span class="row-total figure" title={votesCount(totalVotes)}>
                {wholeNumber(totalVotes)}
                <span class="visually-hidden"> votes</span>
              </span>
              <span class="row-share figure">{leaderboard.totalVotes > 0 ? percentage(share) : '–'}</span>
              <span class="bar" aria-hidden="true">
                <span
                  class="bar-fill"
                  style={{ transform: `translateX(${(totalVotes / most - 1) * 100}%)` }}
                />
              </span>
            </span>
          </li>
        ))}
      </ol>
      {hidden > 0 && (
        <button type="button" class="button" onClick={() => setAll(true)}>
          Show {hidden} more
        </button>
      )}
    </section>
  )
}
