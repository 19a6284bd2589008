import { availableParallelism } from 'node:os'
import {
  createNumberReader,
  type NumberReader,
  type OptionValues,
  optionText,
  readOptionValues,
  readUrl,
} from '../option-values.js'
import { type OpenPace, requestsOf } from './schedule.js'
import type { Level, Stage } from './verdict.js'

export interface LoadCommand {
  /** Unset: this machine's own system. */
  readonly url: string | undefined
  readonly pace: OpenPace
  readonly processes: number
  readonly connections: number
  readonly timeoutMs: number
  /** A file, or `-` for stdin. */
  readonly votersFile: string
  readonly graphqlShare: number
  readonly viewers: number
  readonly eventId: string | undefined
  readonly creatorToken: string | undefined
  readonly levels: readonly Level[]
  readonly errorsMax: number | undefined
  readonly latenessP99Ms: number
  readonly out: string | undefined
}

export const LOAD_USAGE = `npm run load -- --voters FILE [--rate 1000] [--duration 30] [--ramp 5] …
  votes at a steady rate, whatever is answered; latencies count from the time at which a vote was to be sent

  --voters FILE        lines of npm run -s token -- --voters N; - reads stdin. Each voter votes once
  --url ADDRESS        http://… or https://…; unless told, the system of this machine
  --rate N             votes a second; 1000 unless told
  --duration SECONDS   at the full rate; 30 unless told
  --ramp SECONDS       the rate grows to it for so long, which is not in the latencies; 5 unless told
  --graphql SHARE      of the votes, from 0 to 1, by GraphQL instead of REST; 0 unless told
  --viewers N          live viewers who watch the votes come; 0 unless told
  --event ID           votes in this event; unless told, one is made. Nobody else should vote in it meanwhile
  --admin-token TOKEN  of a person who makes the event; unless told, the first voter does
  --processes N        that send; as the rate and this machine's cores have it unless told
  --connections N      of each of them, with one vote on its way at most; enough for answers of 500 ms unless told
  --timeout-ms N       for an answer, and for a free connection; 10000 unless told
  --out FOLDER         for report.json and report.html; .data/load unless told

  service levels, with exit status 1 when one of them is missed:
  --ingest-pNN-ms N        sent to acknowledged                            NN is 50, 90, 95, 99 or 999
  --end-to-end-pNN-ms N    sent to seen by viewers
  --fan-out-pNN-ms N       a board's last vote acknowledged to seen by viewers, by the clocks of both machines
  --errors-max N           votes without an acknowledgement

  --lateness-p99-ms N  the generator's own, at most; 10 unless told. Beyond it, or with fewer votes sent than asked
                       for, the run does not count: exit status 3

  No vote is sent twice: one that is not answered is an error. Exit status 2: it could not be run.`

const STAGES: readonly Stage[] = ['ingest', 'end-to-end', 'fan-out']
const PERCENTS: readonly (readonly [string, number])[] = [
  ['p50', 50],
  ['p90', 90],
  ['p95', 95],
  ['p99', 99],
  ['p999', 99.9],
]
const levelFlag = (stage: Stage, percent: string): string => `${stage}-${percent}-ms`

/** A process sends so many votes a second before it takes half of a core. */
const PER_PROCESS = 8_000
/** Connections that so many votes a second need for answers of 500 ms. */
const BUSY_SECONDS = 0.5
const CONNECTIONS_MAX = 1_024

/** @throws Error that names every fault, for a person; null when help is asked for. */
export const parseLoadCommand = (args: readonly string[]): LoadCommand | null => {
  const faults: string[] = []
  const values = readValues(args, faults)
  if (values.help) return null
  const number = createNumberReader(values, faults)
  const perSecond = number('rate', 1_000, 0.1, 1_000_000)
  const rampSeconds = number('ramp', 5, 0, 3_600)
  const seconds = number('duration', 30, 0.1, 24 * 3_600)
  const pace: OpenPace = { mode: 'open', perSecond, rampSeconds, seconds }
  const cores = availableParallelism()
  const enough = Math.max(1, Math.min(cores - 1, Math.ceil(perSecond / PER_PROCESS)))
  const processes = number('processes', enough, 1, 64, true)
  const forAnswers = Math.ceil((perSecond / processes) * BUSY_SECONDS)
  const command: LoadCommand = {
    url: values.url === undefined ? undefined : readUrl(String(values.url), faults),
    pace,
    processes,
    connections: number('connections', Math.min(CONNECTIONS_MAX, Math.max(8, forAnswers)), 1, 20_000, true),
    timeoutMs: number('timeout-ms', 10_000, 10, 600_000, true),
    votersFile: optionText(values.voters) ?? '',
    graphqlShare: number('graphql', 0, 0, 1),
    viewers: number('viewers', 0, 0, 20_000, true),
    eventId: optionText(values.event),
    creatorToken: optionText(values['admin-token']),
    levels: readLevels(values, number),
    errorsMax: values['errors-max'] === undefined ? undefined : number('errors-max', 0, 0, 1e9, true),
    latenessP99Ms: number('lateness-p99-ms', 10, 0.1, 60_000),
    out: optionText(values.out),
  }
  checkTogether(command, faults)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return command
}

const TEXTS = [
  'voters',
  'url',
  'rate',
  'duration',
  'ramp',
  'graphql',
  'viewers',
  'event',
  'admin-token',
] as const
const MORE_TEXTS = ['processes', 'connections', 'timeout-ms', 'out', 'errors-max', 'lateness-p99-ms'] as const

const readValues = (args: readonly string[], faults: string[]): OptionValues => {
  const levels = STAGES.flatMap((stage) => PERCENTS.map(([percent]) => levelFlag(stage, percent)))
  return readOptionValues(args, { texts: [...TEXTS, ...MORE_TEXTS, ...levels] }, faults)
}

const readLevels = (values: OptionValues, number: NumberReader): Level[] =>
  STAGES.flatMap((stage) =>
    PERCENTS.flatMap(([name, percent]) => {
      const flag = levelFlag(stage, name)
      if (values[flag] === undefined) return []
      return [{ stage, percent, boundMs: number(flag, 0, 0.001, 3_600_000) }]
    }),
  )

const checkTogether = (
  { votersFile, viewers, levels, pace, processes }: LoadCommand,
  faults: string[],
): void => {
  if (votersFile === '') faults.push('--voters FILE is missing: npm run -s token -- --voters N prints voters')
  const blind = levels.find(({ stage }) => stage !== 'ingest')
  if (blind && viewers === 0) faults.push(`a level of ${blind.stage} needs --viewers`)
  if (requestsOf(pace) < processes) {
    faults.push(`${requestsOf(pace)} votes in all are too few for ${processes} processes`)
  }
}
