import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { readText, readYaml, root } from '../monitoring/files.js'

const COMPOSE = 'infra/compose/telemetry.yaml'

interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>
  readonly profiles?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, null>>
}

interface Collector {
  readonly receivers: Readonly<Record<string, unknown>>
  readonly processors: Readonly<Record<string, unknown>>
  readonly exporters: Readonly<Record<string, { endpoint: string }>>
  readonly extensions: Readonly<Record<string, unknown>>
  readonly service: {
    readonly extensions: readonly string[]
    readonly pipelines: Readonly<
      Record<string, Readonly<Record<'receivers' | 'processors' | 'exporters', readonly string[]>>>
    >
  }
}

interface Datasource {
  readonly uid: string
  readonly type: string
  readonly url: string
  readonly jsonData?: unknown
}

describe('infra/compose/telemetry.yaml', () => {
  const { services, volumes } = readYaml<Compose>(COMPOSE)
  const mounts = Object.entries(services).flatMap(([service, { volumes: all = [] }]) =>
    all.map((mount) => {
      // A default within braces has a colon of its own.
      const [, from = '', to = '', mode = ''] =
        /^((?:\$\{[^}]*\}|[^:])+):([^:]+)(?::(\w+))?$/.exec(mount) ?? []
      return { service, from, to, mode }
    }),
  )

  it('has everything that there is to watch with', () => {
    assert.deepEqual(Object.keys(services).sort(), [
      'alertmanager',
      'collector',
      'elastic-setup',
      'elasticsearch',
      'filebeat',
      'grafana',
      'jaeger',
      'kibana',
      'loki',
      'prometheus',
      'shipper',
      'tempo',
    ])
    const optional = Object.entries(services).flatMap(([name, { profiles }]) => (profiles ? [name] : []))
    assert.deepEqual(optional.sort(), ['elastic-setup', 'elasticsearch', 'filebeat', 'kibana'])
  })

  it('pins every image to a version', () => {
    for (const [name, { image }] of Object.entries(services)) {
      assert.match(image, /^[a-z0-9.-]+(\/[a-z0-9-]+)+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$/, name)
    }
  })

  it('opens ports on this machine alone, each once', () => {
    const ports = Object.values(services).flatMap(({ ports: all = [] }) => all)
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/)
    const outside = ports.map((port) => port.split(':')[1])
    assert.equal(new Set(outside).size, outside.length)
    // Those of Votestream, and of `npm run synthetic`.
    for (const taken of ['4000', '4222', '6379', '8123', '9401', '9402', '9403', '9404'])
      assert.ok(!outside.includes(taken), taken)
  })

  it('mounts files and folders of this repository that are there, for reading alone', () => {
    const files = mounts.filter(({ from }) => from.startsWith('.'))
    assert.ok(files.length >= 8)
    for (const { service, from, mode } of files) {
      const place = normalize(join(dirname(COMPOSE), from))
      assert.ok(existsSync(join(root, place)), `${service}: ${place}`)
      assert.equal(mode, 'ro', `${service}: ${place}`)
      if (statSync(join(root, place)).isDirectory())
        assert.ok(readdirSync(join(root, place)).length > 0, place)
    }
    const logs = mounts.filter(({ from }) => from.includes('DATA_DIR'))
    assert.equal(logs.length, 2)
    for (const { from } of logs) assert.match(from, /^\$\{DATA_DIR:-\.\.\/\.\.\/\.data\}\/logs$/)
  })

  it('declares the volumes that are used, and no others', () => {
    const used = mounts.flatMap(({ from }) => (/^[a-z]+$/.test(from) ? [from] : []))
    assert.deepEqual([...new Set(used)].sort(), Object.keys(volumes).sort())
  })

  it('gives each process the file that was mounted for it', () => {
    for (const [name, { command = [] }] of Object.entries(services)) {
      const files = command.flatMap((word) => /(\/etc\/[^ ]+)$/.exec(word)?.[1] ?? [])
      for (const file of files)
        assert.ok(
          mounts.some(({ service, to }) => service === name && to === file),
          `${name}: ${file}`,
        )
    }
  })

  it('waits only for services that there are, and looks after the health of those that can tell', () => {
    for (const [name, { depends_on: others = [] }] of Object.entries(services)) {
      for (const other of Array.isArray(others) ? others : Object.keys(others))
        assert.ok(other in services, `${name}: ${other}`)
    }
    const mute = Object.entries(services).flatMap(([name, { healthcheck }]) => (healthcheck ? [] : [name]))
    assert.deepEqual(mute.sort(), ['collector', 'elastic-setup', 'tempo'])
  })

  it('hands out no password of its own', () => {
    assert.match(readText(COMPOSE), /GF_SECURITY_ADMIN_PASSWORD: \$\{GRAFANA_PASSWORD:\?/)
  })

  /** Whether somebody in the composition answers there, at a port that is not known to be another one's. */
  const answers = (address: string): void => {
    const [host = ''] = address.replace(/^https?:\/\//, '').split(':')
    assert.ok(host in services, address)
  }

  it('has the collector take OTLP and give it to Jaeger and Tempo, by way of parts that are declared', () => {
    const collector = readYaml<Collector>('infra/otel/collector.yaml')
    for (const [name, pipeline] of Object.entries(collector.service.pipelines)) {
      for (const part of ['receivers', 'processors', 'exporters'] as const) {
        for (const one of pipeline[part]) assert.ok(one in collector[part], `${name}: ${one}`)
      }
    }
    for (const part of ['receivers', 'processors', 'exporters'] as const) {
      const used = Object.values(collector.service.pipelines).flatMap((pipeline) => pipeline[part])
      assert.deepEqual(Object.keys(collector[part]).sort(), [...new Set(used)].sort())
    }
    assert.deepEqual(Object.keys(collector.extensions), collector.service.extensions)
    // First of all, or what is too much has been taken already.
    assert.equal(collector.service.pipelines.traces?.processors[0], 'memory_limiter')
    assert.deepEqual(
      Object.values(collector.exporters)
        .map(({ endpoint }) => endpoint)
        .sort(),
      ['jaeger:4317', 'tempo:4317'],
    )
    for (const { endpoint } of Object.values(collector.exporters)) answers(endpoint)
  })

  it('has Grafana find its data sources and its dashboards, and lead from each to the others', () => {
    const { datasources } = readYaml<{ datasources: Datasource[] }>(
      'infra/grafana/provisioning/datasources/votestream.yaml',
    )
    for (const { url } of datasources) answers(url)
    const uids = datasources.map(({ uid }) => uid)
    assert.deepEqual([...uids].sort(), ['alertmanager', 'jaeger', 'loki', 'prometheus', 'tempo'])
    const linked = JSON.stringify(datasources).matchAll(/"datasourceUid":"([^"]+)"/g)
    for (const [, uid = ''] of linked) assert.ok(uids.includes(uid), uid)

    const { providers } = readYaml<{ providers: { options: { path: string } }[] }>(
      'infra/grafana/provisioning/dashboards/votestream.yaml',
    )
    const shown = mounts.find(
      ({ service, from }) => service === 'grafana' && from === '../grafana/dashboards',
    )
    assert.deepEqual(
      providers.map(({ options }) => options.path),
      [shown?.to],
    )
  })
})
