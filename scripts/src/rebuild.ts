import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { EventNumber } from '@votestream/schema/numbers'
import { readEnvironment } from './environment.js'
import { rebuildClickhouseEvent } from './rebuild/clickhouse-event.js'
import { rebuildClickhouse } from './rebuild/clickhouse-whole.js'
import { connectForRebuild, eventNumberOf } from './rebuild/connect.js'
import type { RebuildContext } from './rebuild/context.js'
import { parseRebuildRequest, REBUILD_USAGE, type RebuildRequest } from './rebuild/options.js'
import { rebuildRedisEvent } from './rebuild/redis-event.js'
import { rebuildRedis } from './rebuild/redis-whole.js'

/** `npm run rebuild`: makes Redis or ClickHouse anew from the log. See REBUILD_USAGE. */

const rebuild = (
  context: RebuildContext,
  sink: RebuildRequest['sink'],
  event: EventNumber | undefined,
): Promise<void> => {
  if (sink === 'redis') return event === undefined ? rebuildRedis(context) : rebuildRedisEvent(context, event)
  return event === undefined ? rebuildClickhouse(context) : rebuildClickhouseEvent(context, event)
}

const run = async ({ sink, event, waitMs }: RebuildRequest): Promise<void> => {
  const environment = readEnvironment(repositoryRoot())
  const number = event === undefined ? undefined : await eventNumberOf(event, environment)
  const context = await connectForRebuild({ environment, waitMs, say: (line) => console.error(line) })
  await rebuild(context, sink, number)
  console.error('Done.')
}

let request: RebuildRequest | undefined
try {
  request = parseRebuildRequest(process.argv.slice(2))
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${REBUILD_USAGE}`)
  process.exitCode = 2
}
if (request?.isHelp) console.log(REBUILD_USAGE)
else if (request) {
  run(request).then(
    // Ends at once: a connection that is still looking for its server would keep the process.
    () => process.exit(0),
    (error: unknown) => {
      console.error('It could not be done:', error instanceof Error ? error.message : error)
      if (error instanceof Error && error.cause) console.error(error.cause)
      process.exit(2)
    },
  )
}
