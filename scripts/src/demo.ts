// `npm run demo`: a crowd that registers and votes, over REST and GraphQL in turn, while you watch.

import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createTokens } from '@votestream/gateway/tokens'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { createOpaqueIds } from '@votestream/schema/opaque-ids'
import { addressesOf } from './addresses.js'
import { drawBoard, type Standing } from './demo/board.js'
import { type Client, createClient } from './demo/client.js'
import { createEvent, type DemoEvent, type Ledger, runCrowd } from './demo/crowd.js'
import { type Environment, readEnvironment } from './environment.js'
import { readSecrets } from './secrets.js'

const HOUR_SECONDS = 3_600
/** How long a voter goes on asking when the service is away or busy. */
const PATIENCE_MS = 60_000
/** How long the last votes may take from the log to the board. */
const SETTLE_MS = 10_000
const LOOK_EVERY_MS = 500

const count = (name: string, text: string, most: number): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new Error(`--${name} must be a whole number from 1 to ${most}, not ${text}`)
  }
  return value
}

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      voters: { type: 'string', default: '500' },
      seconds: { type: 'string', default: '30' },
      url: { type: 'string' },
    },
  })
  return {
    voters: count('voters', values.voters, 1_000_000),
    seconds: count('seconds', values.seconds, 86_400),
    url: values.url,
  }
}

const applicationToken = async (environment: Environment): Promise<string> => {
  const secrets = await readSecrets(environment.DATA_DIR)
  const secret = environment.JWT_SECRET ?? secrets?.jwtSecret
  const idSecret = environment.ID_SECRET ?? secrets?.idSecret
  if (!secret || !idSecret) throw new Error('Start Votestream once first: npm start')
  const tokens = createTokens({ secret, ids: createOpaqueIds(idSecret), ttlSeconds: HOUR_SECONDS })
  return tokens.issue({ scopes: ['accounts:register'] })
}

const readBoard = async (client: Client, event: DemoEvent, token: string): Promise<readonly Standing[]> => {
  const path = `/v1/event/${event.event_id}/leaderboard`
  return (await client.call<{ contestants: Standing[] }>('GET', path, { token })).contestants
}

const totalOf = (board: readonly Standing[]): number =>
  board.reduce((sum, { total_votes }) => sum + total_votes, 0)

/** Redraws in place on a terminal; elsewhere each board stands below the last. */
const show = (board: string, first: boolean): void => {
  const rows = board.split('\n').length
  const up = process.stdout.isTTY && !first ? `\x1b[${rows + 1}A\x1b[0J` : ''
  process.stdout.write(`${up}${board}\n\n`)
}

const run = async (): Promise<boolean> => {
  const { voters, seconds, url } = readOptions()
  const environment = readEnvironment(repositoryRoot())
  const baseUrl = url ?? addressesOf(environment).gatewayUrl
  const client = createClient(baseUrl, PATIENCE_MS)
  const registrar = await applicationToken(environment)
  const { event, token } = await createEvent(client, registrar)
  console.log(
    `${event.event_name}: ${voters} voters in ${seconds} s\nWatch: ${baseUrl}/event/${event.event_id}\n`,
  )

  const ledger: Ledger = { acknowledged: 0, failures: [] }
  let voting = true
  const crowd = runCrowd({ client, applicationToken: registrar, event, voters, seconds, ledger }).finally(
    () => {
      voting = false
    },
  )
  for (let first = true; voting; first = false) {
    const board = await readBoard(client, event, token)
    show(drawBoard(board, ledger.acknowledged, voters), first)
    await Promise.race([crowd, pause(LOOK_EVERY_MS)])
  }
  await crowd

  const untilMs = Date.now() + SETTLE_MS
  let board = await readBoard(client, event, token)
  while (totalOf(board) < ledger.acknowledged && Date.now() < untilMs) {
    await pause(50)
    board = await readBoard(client, event, token)
  }
  show(drawBoard(board, ledger.acknowledged, voters), false)
  for (const failure of new Set(ledger.failures)) console.log(`  not answered: ${failure}`)
  const counted = totalOf(board)
  const equal = counted === ledger.acknowledged && ledger.failures.length === 0
  console.log(
    `${ledger.acknowledged} votes acknowledged, ${counted} counted: ${equal ? 'equal.' : 'they differ!'}`,
  )
  return equal
}

try {
  process.exitCode = (await run()) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
