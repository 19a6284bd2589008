/** The numbered migrations of ClickHouse, `0001-….sql` and so on: what the tables and views are for stands there. */
export const migrationsFolder = new URL('../../clickhouse/', import.meta.url)

/** Values of `votes_log.kind`. */
export const LOG_KIND = { vote: 1, closing: 2, takeover: 3 } as const

/** Length of a window in ClickHouse, in milliseconds. */
export const ARCHIVE_WINDOW_MS = 60_000
