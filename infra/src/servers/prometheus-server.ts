import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ServerBinary, serverEnvironment } from './find-server.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'
import { tcpAnswers } from './tcp-answer.js'

export interface PrometheusServerOptions {
  readonly binary: ServerBinary
  readonly port: number
  /** A prometheus.yml; the paths in it count from its folder. */
  readonly configuration: string
  /** Its samples and its log. */
  readonly dataDir: string
}

export async function startPrometheusServer(
  options: PrometheusServerOptions,
): Promise<ServerProcess & { url: string }> {
  const server = await startServer(await prometheusServerSpec(options))
  return { ...server, url: `http://127.0.0.1:${options.port}` }
}

async function prometheusServerSpec({
  binary,
  port,
  configuration,
  dataDir,
}: PrometheusServerOptions): Promise<ServerSpec> {
  await mkdir(dataDir, { recursive: true })
  return {
    name: 'prometheus',
    command: binary.path,
    args: [
      `--config.file=${configuration}`,
      `--storage.tsdb.path=${join(dataDir, 'samples')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Samples that lead to a trace.
      '--enable-feature=exemplar-storage',
    ],
    env: serverEnvironment(binary),
    logFile: join(dataDir, 'prometheus.log'),
    isReady: () => answersReady(port),
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 10_000,
  }
}

/** Prometheus and Alertmanager say alike that they are ready. */
export const answersReady = (port: number): Promise<boolean> =>
  tcpAnswers({
    port,
    send: 'GET /-/ready HTTP/1.0\r\n\r\n',
    accept: (text) => /^HTTP\/1\.\d 200 /.test(text),
  })

/** A tool that comes in the same package as a server and stands beside it: `promtool`, `amtool`. */
export const toolBeside = (binary: ServerBinary, name: 'promtool' | 'amtool'): string =>
  join(dirname(binary.path), name)
