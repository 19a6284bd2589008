import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type ServerBinary, serverEnvironment } from './find-server.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'
import { tcpAnswers } from './tcp-answer.js'

export interface HaproxyServerOptions {
  readonly binary: ServerBinary
  readonly port: number
  /** The ports of the gateways that clients are spread over, on this machine. */
  readonly gateways: readonly number[]
  /** Its configuration and its log. */
  readonly dataDir: string
}

export interface HaproxyServer extends ServerProcess {
  readonly url: string
  /** Whether each of the gateways is given requests, by its own view. */
  up(): Promise<boolean[]>
}

export async function startHaproxyServer(options: HaproxyServerOptions): Promise<HaproxyServer> {
  const server = await startServer(await haproxyServerSpec(options))
  const socket = statsSocket(options)
  return { ...server, url: `http://127.0.0.1:${options.port}`, up: () => askWhoIsUp(socket) }
}

const statsSocket = ({ dataDir }: Pick<HaproxyServerOptions, 'dataDir'>): string =>
  join(dataDir, 'haproxy.sock')

/** Of its state of a server: it runs, and is given requests. */
const RUNNING = '2'
const STATE_COLUMN = 5

/** A line for each server, behind the format's version and the names of the columns. */
const askWhoIsUp = async (socket: string): Promise<boolean[]> => {
  const [, , ...servers] = (await text(connect(socket).end('show servers state gateways\n')))
    .trim()
    .split('\n')
  return servers.map((line) => line.split(' ')[STATE_COLUMN] === RUNNING)
}

/** Writes the configuration file, and says how the server is run with it. */
export async function haproxyServerSpec(options: HaproxyServerOptions): Promise<ServerSpec> {
  const { binary, port, gateways, dataDir } = options
  await mkdir(dataDir, { recursive: true })
  const configuration = join(dataDir, 'haproxy.cfg')
  await writeFile(
    configuration,
    `${haproxyStats(statsSocket(options))}${haproxyConfiguration({ port, gateways })}`,
  )
  return {
    name: 'haproxy',
    command: binary.path,
    args: ['-db', '-f', configuration],
    env: serverEnvironment(binary),
    logFile: join(dataDir, 'haproxy.log'),
    // It answers itself, whether there is a gateway or not.
    isReady: () =>
      tcpAnswers({
        port,
        send: 'GET /haproxy HTTP/1.0\r\n\r\n',
        accept: (text) => text.startsWith('HTTP/1.'),
      }),
    readyTimeoutMs: 20_000,
    stopTimeoutMs: 4_000,
  }
}

/** Where it tells how it sees the gateways. */
const haproxyStats = (socket: string): string => `global
  stats socket ${socket} mode 600 level user

`

export interface HaproxyConfiguration {
  readonly port: number
  readonly gateways: readonly number[]
}

/**
 * What gateways need of a balancer. It looks at their readiness often: one that drains says that it is not ready, and
 * is given nobody new. One that is busy has 2 seconds to say so: without them it would be taken for gone after the 200 ms
 * from one look to the next. A connection that a gateway closed under a request is tried elsewhere; a vote only where it has
 * a key that makes the second try the same attempt.
 */
export function haproxyConfiguration({ port, gateways }: HaproxyConfiguration): string {
  const servers = gateways.map((gateway, index) => `  server gateway-${index} 127.0.0.1:${gateway}`)
  return `defaults
  mode http
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response
  timeout connect 2s
  timeout check 2s
  timeout client 75s
  timeout server 30s
  timeout tunnel 2h

frontend public
  bind 127.0.0.1:${port}
  option forwardfor
  default_backend gateways

backend gateways
  balance leastconn
  http-request disable-l7-retry if METH_POST !{ req.hdr(idempotency-key) -m found }
  option httpchk GET /readyz
  default-server check inter 200ms fall 1 rise 1
${servers.join('\n')}
`
}
