import { createNumberReader, optionText, readOptionValues, readUrl } from '../option-values.js'
import { type ProbePace, roundMs } from './schedule.js'
import type { ProbeLevels } from './verdict.js'

export interface SyntheticCommand {
  /** Unset: this machine's own system. */
  readonly url: string | undefined
  readonly pace: ProbePace
  /** Null: until somebody ends it. */
  readonly rounds: number | null
  /** Unset: voters of its own. */
  readonly votersFile: string | undefined
  readonly metricsPort: number
  readonly metricsHost: string
  /** A vote that is seen later than this is late. */
  readonly withinMs: number
  /** What is not there by then is not waited for. */
  readonly timeoutMs: number
  readonly windowMs: number
  readonly levels: ProbeLevels
  readonly isJson: boolean
}

export const SYNTHETIC_USAGE = `npm run synthetic -- [--checks-per-hour 1000] [--once | --hours N] …
  votes as a voter does, waits on a live connection for the board with the vote, and checks the number, over REST and
  GraphQL in turn; goes on until it is ended (Ctrl-C or SIGTERM, which closes its event)

  --url ADDRESS            http://… or https://…; unless told, the system of this machine
  --checks-per-hour N      1000 unless told
  --checks N               in one event, each by another voter; as many as in an hour unless told
  --hours N                ends after so many events, with exit status 1 when a window failed
  --once                   the same as --hours 1
  --voters FILE            lines of npm run -s token -- --voters N --scope events:canary; one more than there are checks in
                           an event: the first makes the events. Read again for each event. Unless told, voters of its
                           own: made once, kept below DATA_DIR, with new tokens for each event
  --metrics-port N         for /metrics, /healthz and /readyz; 9404 unless told, and 0 is any that is free
  --metrics-host ADDRESS   127.0.0.1 unless told
  --window-seconds N       a verdict for each such time, and one for each event; 300 unless told
  --json                   verdicts as lines of JSON
  --operations             prints its operations of GraphQL, and does nothing: where only registered ones run, hand them to
                           npm run operations -- register -

  what a window is held against:
  --success-min SHARE      of the checks, from 0 to 1; 1 unless told
  --within-ms N            a vote that is seen later is no success; 1000 unless told
  --timeout-ms N           when a check gives up; 5000 unless told
  --acknowledged-p99-ms N  50 unless told       from the time at which a vote was to be sent
  --seen-p95-ms N          500 unless told
  --seen-p99-ms N          1000 unless told

  A window that fails is told on stderr, too. Exit status 2: it could not be run.`

const TEXTS = ['url', 'checks-per-hour', 'checks', 'hours', 'voters', 'metrics-port', 'metrics-host']
const MORE_TEXTS = ['window-seconds', 'success-min', 'within-ms', 'timeout-ms']
const LEVELS = ['acknowledged-p99-ms', 'seen-p95-ms', 'seen-p99-ms']
const CHECKS_MAX = 100_000

/** @throws Error that names every fault, for a person; a word when something else is asked for. */
export const parseSyntheticCommand = (args: readonly string[]): SyntheticCommand | 'help' | 'operations' => {
  const faults: string[] = []
  const values = readOptionValues(
    args,
    { texts: [...TEXTS, ...MORE_TEXTS, ...LEVELS], flags: ['once', 'json', 'operations'] },
    faults,
  )
  if (values.help) return 'help'
  if (values.operations && faults.length === 0) return 'operations'
  const number = createNumberReader(values, faults)
  const checksPerHour = number('checks-per-hour', 1_000, 1, 1_000_000)
  const checks = number('checks', Math.min(CHECKS_MAX, Math.ceil(checksPerHour)), 1, CHECKS_MAX, true)
  const level = (name: string, otherwise: number): number => number(name, otherwise, 0.001, 600_000)
  const command: SyntheticCommand = {
    url: values.url === undefined ? undefined : readUrl(String(values.url), faults),
    pace: { checks, checksPerHour },
    rounds: values.once ? 1 : values.hours === undefined ? null : number('hours', 1, 1, 1_000_000, true),
    votersFile: optionText(values.voters),
    metricsPort: number('metrics-port', 9_404, 0, 65_535, true),
    metricsHost: optionText(values['metrics-host']) ?? '127.0.0.1',
    withinMs: level('within-ms', 1_000),
    timeoutMs: number('timeout-ms', 5_000, 10, 600_000, true),
    windowMs: 1_000 * number('window-seconds', 300, 1, 86_400),
    levels: {
      successMin: number('success-min', 1, 0, 1),
      acknowledgedP99Ms: level('acknowledged-p99-ms', 50),
      seenP95Ms: level('seen-p95-ms', 500),
      seenP99Ms: level('seen-p99-ms', 1_000),
    },
    isJson: values.json === true,
  }
  if (values.once && values.hours !== undefined) faults.push('--once is --hours 1: say one of them')
  if (command.withinMs > command.timeoutMs)
    faults.push('--within-ms must not be longer than --timeout-ms: nobody would see it')
  const lastsMs = roundMs(command.pace)
  if (lastsMs > ROUND_MS_MAX) faults.push('--checks takes more than a day at --checks-per-hour')
  // The next event is made while the one before is voted in.
  if (command.rounds !== 1 && lastsMs < ROUND_MS_MIN)
    faults.push('--checks takes less than 10 s at --checks-per-hour, which is for --once alone')
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return command
}

const ROUND_MS_MAX = 86_400_000
const ROUND_MS_MIN = 10_000
