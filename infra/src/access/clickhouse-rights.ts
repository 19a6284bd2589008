import { CLICKHOUSE_SERVICES } from './identities.js'

/**
 * Who may do what in ClickHouse, as its own grants: the embedded engine and a server of one's own are given the same.
 */
export const CLICKHOUSE_ROLES = [...CLICKHOUSE_SERVICES, 'analyst'] as const
export type ClickhouseRole = (typeof CLICKHOUSE_ROLES)[number]

interface Grant {
  readonly grant: string
  readonly why: string
}

/** What the archive writes. */
export const ARCHIVE_TABLES = [
  'votes_log',
  'decisions_log',
  'dead_entries',
  'window_tallies',
  'event_records',
  'contestant_records',
]

const READS: readonly Grant[] = [{ grant: 'SELECT, SHOW ON default.*', why: 'Reads the archive.' }]

export const clickhouseRights: Readonly<Record<ClickhouseRole, readonly Grant[]>> = {
  gateway: READS,
  processor: [
    ...READS,
    ...ARCHIVE_TABLES.map((table) => ({ grant: `INSERT ON default.${table}`, why: 'Writes the archive.' })),
    {
      grant: 'ALTER DELETE ON default.window_tallies',
      why: 'Takes back a checkpoint whose rows were lost, to write them again.',
    },
  ],
  analyst: READS,
}

/**
 * Of one query of an analyst; more may be asked for less. A result is kept on the disk until it was sent, and a disk
 * that is full would stop the archive.
 */
export const ANALYST_LIMITS = {
  max_execution_time: 60,
  max_memory_usage: 2 * 1024 ** 3,
  max_result_bytes: 1024 ** 3,
  max_temporary_data_on_disk_size_for_query: 1024 ** 3,
} as const

/**
 * The tables of the system that tell what there is and how it is asked. The others tell of other people's queries, of
 * this machine, and of the server's insides.
 */
export const SYSTEM_TABLES_READ = [
  'columns',
  'data_skipping_indices',
  'data_type_families',
  'databases',
  'dictionaries',
  'formats',
  'functions',
  'numbers',
  'numbers_mt',
  'one',
  'parts',
  'parts_columns',
  'settings',
  'table_engines',
  'table_functions',
  'tables',
  'time_zones',
  'zeros',
  'zeros_mt',
] as const

const rolesXml = (): string =>
  CLICKHOUSE_ROLES.map((role) => {
    const queries = clickhouseRights[role].map(
      ({ grant, why }) => `        <query>GRANT ${grant}</query><!-- ${why} -->`,
    )
    return `    <${role}>
      <grants>
${queries.join('\n')}
      </grants>
    </${role}>`
  }).join('\n')

const grantedRole = (role: string): string => `<grants><query>GRANT ${role}</query></grants>`

/** The embedded engine has one user, who is every role; a query is given the one that it may have. */
export const engineUsers = (): string => `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles>
    <owner><grants><query>GRANT ALL ON *.*</query></grants></owner>
${rolesXml()}
  </roles>
  <users>
    <default>
      <no_password/>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      ${grantedRole(['owner', ...CLICKHOUSE_ROLES].join(', '))}
    </default>
  </users>
</clickhouse>
`

/** The same for a server of one's own: a file for its folder `users.d`. Digests of passwords are in its environment. */
export const serverUsers = (): string => `<clickhouse>
  <profiles>
    <votestream_reader>
      <readonly>2</readonly>
    </votestream_reader>
    <votestream_analyst>
      <readonly>2</readonly>
${Object.entries(ANALYST_LIMITS)
  .map(([name, most]) => `      <${name}>${most}</${name}>`)
  .join('\n')}
      <constraints>
${Object.entries(ANALYST_LIMITS)
  .map(([name, most]) => `        <${name}><min>1</min><max>${most}</max></${name}>`)
  .join('\n')}
      </constraints>
    </votestream_analyst>
  </profiles>
  <roles>
${rolesXml()}
  </roles>
  <users>
${CLICKHOUSE_ROLES.map(serverUser).join('\n')}
  </users>
</clickhouse>
`

const PROFILES: Readonly<Record<ClickhouseRole, string>> = {
  gateway: 'votestream_reader',
  processor: 'default',
  analyst: 'votestream_analyst',
}

const serverUser = (role: ClickhouseRole): string => `    <${role}>
      <password_sha256_hex from_env="CLICKHOUSE_${role.toUpperCase()}_PASSWORD_SHA256"/>
      <networks><ip>::/0</ip></networks>
      <profile>${PROFILES[role]}</profile>
      <quota>default</quota>
      ${grantedRole(role)}
    </${role}>`
