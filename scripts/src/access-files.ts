import { serverUsers } from '@votestream/infra/access/clickhouse-rights'
import { passwordVariable } from '@votestream/infra/access/identities'
import { natsAuthorization } from '@votestream/infra/access/nats-rights'
import { redisUsers } from '@votestream/infra/access/redis-rights'

/** Of the files in the repository. */
export const SHARDS_SHIPPED = 2

/** The configuration of servers that are not started here, by file: what `npm start` gives to its own, and no password. */
export const accessFiles = (shards: number): Readonly<Record<string, string>> => ({
  'infra/nats/authorization.conf': `# Written by \`npm run access -- --shards ${shards}\`. To include in nats-server's configuration:
#   include ./authorization.conf
# The passwords are variables of the server's environment. One that begins with a digit stands in quotes there.
${natsAuthorization(shards)}`,
  // This format knows no comments. Each name behind a # is to be replaced by the SHA-256 of a password, in hexadecimal.
  'infra/redis/users.acl': redisUsers((identity) => `#${passwordVariable('REDIS', identity)}_SHA256`),
  'infra/clickhouse/users.xml': `<!-- Written by \`npm run access\`, for the folder users.d of a server. The SHA-256 of each password, in hexadecimal, is
     a variable of its environment. The owner, who migrates, is CLICKHOUSE_USER. -->
${serverUsers()}`,
})
