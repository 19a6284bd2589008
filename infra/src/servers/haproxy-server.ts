import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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

export async function startHaproxyServer(
  options: HaproxyServerOptions,
): Promise<ServerProcess & { url: string }> {
  const server = await startServer(await haproxyServerSpec(options))
  return { ...server, url: `http://127.0.0.1:${options.port}` }
}

/** Writes the configuration file, and says how the server is run with it. */
export async function haproxyServerSpec({
  binary,
  port,
  gateways,
  dataDir,
}: HaproxyServerOptions): Promise<ServerSpec> {
  await mkdir(dataDir, { recursive: true })
  const configuration = join(dataDir, 'haproxy.cfg')
  await writeFile(configuration, haproxyConfiguration({ port, gateways }))
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

export interface HaproxyConfiguration {
  readonly port: number
  readonly gateways: readonly number[]
}

/**
 * What gateways need of a balancer. It looks at their readiness often: one that drains says that it is not ready, and
 * is given nobody new. A connection that a gateway closed under a request is tried elsewhere; a vote only where it has
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
