import { type ClickHouseClient, connectClickhouse } from '@votestream/infra/clickhouse'
import { addressesOf } from './addresses.js'
import type { Environment } from './environment.js'
import { readSecrets } from './secrets.js'

/** ClickHouse as the environment says, otherwise with the login of the system that `npm start` made here. */
export const connectToClickhouse = async (
  environment: Environment,
  requestTimeoutMs?: number,
): Promise<ClickHouseClient> =>
  connectClickhouse({
    url: addressesOf(environment).clickHouseUrl,
    user: environment.CLICKHOUSE_USER,
    password:
      environment.CLICKHOUSE_PASSWORD ?? (await readSecrets(environment.DATA_DIR))?.clickHousePassword ?? '',
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  })
