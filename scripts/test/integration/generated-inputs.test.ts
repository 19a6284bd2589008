import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import fc from 'fast-check'
import { buildSchema } from 'graphql'
import { generatedInputs } from '../../src/environment.js'
import { assertBooks, type Books, emptyBooks, enterRest } from '../generated/books.js'
import { type Draw, drawFrom } from '../generated/draw.js'
import {
  enterGraphql,
  type GraphqlResult,
  judgeErrors,
  judgeGraphql,
} from '../generated/graphql-judgement.js'
import { graphqlOverHttp, socketMessages } from '../generated/graphql-requests.js'
import { rawExchange } from '../generated/raw-exchange.js'
import { createRestJudgement } from '../generated/rest-judgement.js'
import { type OpenApi, operationsOf, restRequest } from '../generated/rest-requests.js'
import { socketExchange } from '../generated/socket-exchange.js'
import { openPlace, type Place } from '../hostile/place.js'

const { seed, seconds } = generatedInputs()
const TRIES_MIN = 50

/** Whatever anybody sends: each answer is one that the documents permit, and only what was answered is written. */
describe('generated inputs', function () {
  this.timeout(seconds * 1_000 + 60_000)
  let place: Place
  let books: Books

  before(async () => {
    place = await openPlace({ NODE_ENV: 'production', TOKEN_GRACE_SECONDS: '0' }, { archive: true })
    books = emptyBooks(place)
  })
  after(() => place?.stop())

  const file = (name: string): Promise<string> => readFile(join(repositoryRoot(), 'schema', name), 'utf8')

  /** Tries what is generated for a share of the time. The seed and the path to replay it stand in a failure. */
  const tryFor = async (share: number, send: (draw: Draw) => Promise<void>): Promise<void> => {
    const until = seconds * 1_000 * share
    let tried = 0
    const property = fc.asyncProperty(fc.gen(), async (value) => {
      tried += 1
      await send(drawFrom(value))
    })
    await fc.assert(property, {
      seed,
      numRuns: 10_000_000,
      // What is found is made smaller within the same time.
      interruptAfterTimeLimit: until,
      markInterruptAsFailure: false,
    })
    // On a machine that is busy with other things the time is over before much was tried.
    if (tried < TRIES_MIN) await fc.assert(property, { seed, numRuns: TRIES_MIN })
  }
  const telling = (sent: unknown, judge: () => void): void => {
    try {
      judge()
    } catch (error) {
      throw new Error(`${String(error)}\n${shown(sent)}`, { cause: error })
    }
  }

  it('over REST, from openapi.json', async () => {
    const openapi = JSON.parse(await file('openapi.json')) as OpenApi
    const operations = operationsOf(openapi)
    const judge = createRestJudgement(openapi)
    await tryFor(0.45, async (draw) => {
      const request = restRequest(draw, place, operations)
      const answer = await rawExchange(place.port, request)
      telling(request, () => judge(request, answer))
      const isWritten = answer.status < 300 && request.method === 'POST'
      if (isWritten) enterRest(books, request.operationId, JSON.parse(answer.body))
    })
  })

  it('over GraphQL and HTTP, from the schema', async () => {
    const schema = buildSchema(await file('schema.graphql'))
    await tryFor(0.35, async (draw) => {
      const request = graphqlOverHttp(draw, place, schema)
      const answer = await rawExchange(place.port, request)
      telling(request, () => enterGraphql(books, judgeGraphql(answer) ?? {}))
    })
  })

  it('over sockets, from the schema, in any order', async () => {
    const schema = buildSchema(await file('schema.graphql'))
    await tryFor(0.2, async (draw) => {
      const messages = socketMessages(draw, place, schema)
      const { received, closeCode } = await socketExchange(place.port, messages)
      telling(messages, () => {
        for (const { type, payload } of received) {
          assert.match(String(type), /^(connection_ack|ping|pong|next|error|complete)$/)
          if (type === 'error') judgeErrors(payload as never)
          const { errors } = type === 'next' ? (payload as GraphqlResult) : {}
          if (errors) judgeErrors(errors)
        }
        const isPermitted =
          closeCode === undefined || /^(1002|1003|1007|1009|44\d\d)$/.test(String(closeCode))
        assert.ok(isPermitted, `closed with ${closeCode}`)
      })
    })
  })

  it('are written as far as that was answered, and no further', () => assertBooks(place, books))

  it('leave every process at work, and no error in a log', async () => {
    for (const { pids } of await place.system.processes()) {
      for (const pid of pids) assert.ok(process.kill(pid, 0))
    }
    const { folder } = place.system.servers
    const logs = (await readdir(folder)).filter((name) => /^(gateway|ingest|processor)-.*\.log$/.test(name))
    assert.ok(logs.length >= 3, logs.join())
    for (const name of logs) {
      const lines = (await readFile(join(folder, name), 'utf8')).split('\n')
      const bad = lines.filter(
        (line) => line.trim() !== '' && !/"log.level":"(trace|debug|info|warn)"/.test(line),
      )
      assert.deepEqual(bad.slice(0, 5), [], name)
    }
  })
})

const SHOWN_MAX = 3_000

const shown = (sent: unknown): string =>
  JSON.stringify(sent, (name, value) =>
    name === 'operation'
      ? undefined
      : value?.type === 'Buffer'
        ? Buffer.from(value.data).toString('latin1')
        : value,
  ).slice(0, SHOWN_MAX)
