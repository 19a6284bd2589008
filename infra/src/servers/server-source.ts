import { formatVersion, isAtLeast, type Version } from './version.js'

export type ServerName = 'nats-server' | 'redis-server' | 'haproxy' | 'prometheus' | 'prometheus-alertmanager'

/** What the project needs of a server, and how a person gets it where we cannot. */
export interface ServerRequirement {
  readonly name: ServerName
  readonly minimum: Version
  /** Debian packages that hold the binary; the first one's version is the server's. */
  readonly packages: readonly string[]
  readonly install: string
  /** The variable that names a running server instead, if one can. */
  readonly urlVariable?: string
  /** What it is asked for its version with; `-v` where nothing is said. */
  readonly versionArgument?: string
}

/**
 * nats-server: `sync_interval` came with 2.10.0, and 2.10.20 to 2.10.22 could lose a stream on a kill, so an
 * acknowledged vote is safe from 2.10.23 on. Debian 12 has 2.9.10.
 */
export const natsRequirement: ServerRequirement = {
  name: 'nats-server',
  minimum: [2, 10, 23],
  packages: ['nats-server'],
  install: 'a release from https://github.com/nats-io/nats-server/releases, or `brew install nats-server`',
  urlVariable: 'NATS_URL',
}

/** redis-server's package holds only links; the binary is in redis-tools. */
export const redisRequirement: ServerRequirement = {
  name: 'redis-server',
  minimum: [7, 0, 0],
  packages: ['redis-server', 'redis-tools'],
  install: 'a build from https://redis.io/downloads, or `brew install redis`',
  urlVariable: 'REDIS_URL',
}

/** Spreads clients over gateways, where there are several. */
export const haproxyRequirement: ServerRequirement = {
  name: 'haproxy',
  minimum: [2, 4, 0],
  packages: ['haproxy'],
  install: 'the package of your system, or `brew install haproxy`',
}

/** Its package holds promtool as well, which checks configurations and tries rules. */
export const prometheusRequirement: ServerRequirement = {
  name: 'prometheus',
  minimum: [2, 42, 0],
  packages: ['prometheus'],
  install: 'a release from https://prometheus.io/download, or `brew install prometheus`',
  versionArgument: '--version',
}

/** As Debian names it; its package holds amtool as well, which checks configurations. */
export const alertmanagerRequirement: ServerRequirement = {
  name: 'prometheus-alertmanager',
  minimum: [0, 25, 0],
  packages: ['prometheus-alertmanager'],
  install: 'a release from https://prometheus.io/download as prometheus-alertmanager',
  versionArgument: '--version',
}

/** Where a package comes from: the machine's own package sources, or Debian's current stable suite. */
export type Suite = 'distribution' | 'stable'

/**
 * What is known so far. `unasked` is a fact that costs a download to learn; `unavailable` one that cannot be
 * learnt here (no apt, no mirror, no such package), with the reason.
 */
export interface ServerFacts {
  readonly onPath: Version | undefined
  readonly unpacked: Version | undefined
  readonly candidates: Readonly<Record<Suite, Candidate>>
}

export type Candidate =
  | { readonly state: 'unasked' }
  | { readonly state: 'unavailable'; readonly reason: string }
  | { readonly state: 'available'; readonly version: Version }

export type ServerChoice =
  | { readonly kind: 'path' }
  | { readonly kind: 'unpacked' }
  | { readonly kind: 'ask'; readonly suite: Suite }
  | { readonly kind: 'fetch'; readonly suite: Suite }
  | { readonly kind: 'none'; readonly explanation: string }

/**
 * The next step towards a server that is new enough, from what is known. The order is fixed: the PATH, what
 * was unpacked before, the distribution's package, the stable suite's package. A version below the minimum is
 * never chosen, wherever it comes from.
 */
export function chooseServer(requirement: ServerRequirement, facts: ServerFacts): ServerChoice {
  if (isAtLeast(facts.onPath, requirement.minimum)) return { kind: 'path' }
  if (isAtLeast(facts.unpacked, requirement.minimum)) return { kind: 'unpacked' }
  for (const suite of ['distribution', 'stable'] as const) {
    const candidate = facts.candidates[suite]
    if (candidate.state === 'unasked') return { kind: 'ask', suite }
    if (candidate.state === 'available' && isAtLeast(candidate.version, requirement.minimum)) {
      return { kind: 'fetch', suite }
    }
  }
  return { kind: 'none', explanation: explain(requirement, facts) }
}

function explain(requirement: ServerRequirement, facts: ServerFacts): string {
  const { name, minimum, urlVariable } = requirement
  const orNamed = urlVariable === undefined ? '' : `, or set ${urlVariable} to a running server`
  const found = [
    facts.onPath === undefined ? `no ${name} on PATH` : `PATH has ${formatVersion(facts.onPath)}`,
    `the distribution's package: ${describe(facts.candidates.distribution)}`,
    `Debian stable's package: ${describe(facts.candidates.stable)}`,
  ]
  return (
    `${name} ${formatVersion(minimum)} or newer is needed and could not be fetched (${found.join('; ')}). ` +
    `Install ${requirement.install} so that it is on PATH${orNamed}.`
  )
}

function describe(candidate: Candidate): string {
  switch (candidate.state) {
    case 'unasked':
      return 'not asked'
    case 'unavailable':
      return candidate.reason
    case 'available':
      return formatVersion(candidate.version)
  }
}
