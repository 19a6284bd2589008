/** A server's version as its numbers: `2.10.27` is `[2, 10, 27]`. */
export type Version = readonly [major: number, minor: number, patch: number]

/**
 * The first `major.minor[.patch]` in a text, whatever stands around it: what a server answers to `-v`
 * (`nats-server: v2.10.27`, `Redis server v=7.0.15 sha=…`) or a Debian version (`5:8.0.2-3+deb13u2`, where
 * the epoch before the colon is not part of the version). Undefined when there is none.
 */
export function parseVersion(text: string): Version | undefined {
  const match = /(?<![\d.])(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(text.replace(/\b\d+:(?=\d)/g, ''))
  if (match === null) return undefined
  return [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
}

/** Negative, zero or positive, as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

export function isAtLeast(version: Version | undefined, minimum: Version): version is Version {
  return version !== undefined && compareVersions(version, minimum) >= 0
}

export function formatVersion(version: Version): string {
  return version.join('.')
}
