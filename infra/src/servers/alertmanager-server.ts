import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ServerBinary, serverEnvironment } from './find-server.js'
import { answersReady } from './prometheus-server.js'
import { type ServerProcess, type ServerSpec, startServer } from './server-process.js'

export interface AlertmanagerServerOptions {
  readonly binary: ServerBinary
  readonly port: number
  /** An alertmanager.yml. */
  readonly configuration: string
  /** What it was told to be silent about, whom it told, and its log. */
  readonly dataDir: string
}

export async function startAlertmanagerServer(
  options: AlertmanagerServerOptions,
): Promise<ServerProcess & { url: string }> {
  const server = await startServer(await alertmanagerServerSpec(options))
  return { ...server, url: `http://127.0.0.1:${options.port}` }
}

async function alertmanagerServerSpec({
  binary,
  port,
  configuration,
  dataDir,
}: AlertmanagerServerOptions): Promise<ServerSpec> {
  await mkdir(dataDir, { recursive: true })
  return {
    name: 'alertmanager',
    ...commandOf(binary, [
      `--config.file=${configuration}`,
      `--storage.path=${join(dataDir, 'state')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      // Alone: it looks for no others.
      '--cluster.listen-address=',
    ]),
    env: serverEnvironment(binary),
    logFile: join(dataDir, 'alertmanager.log'),
    isReady: () => answersReady(port),
    readyTimeoutMs: 30_000,
    stopTimeoutMs: 10_000,
  }
}

/**
 * Debian's build reads the texts of its messages from /usr/share, where a package that is only unpacked has put nothing.
 * Its process gets a view of its own, in which that folder is the package's; the system's is as it was.
 */
const commandOf = (binary: ServerBinary, args: readonly string[]): Pick<ServerSpec, 'command' | 'args'> => {
  const share = join(dirname(binary.path), '../share')
  const isWhole = binary.source === 'path' || existsSync('/usr/share/prometheus/alertmanager/default.tmpl')
  if (isWhole) return { command: binary.path, args }
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const view = 'mount --bind "$0" /usr/share && exec "$@"'
  return {
    command: 'unshare',
    args: [...asRoot, '--mount', 'sh', '-c', view, share, binary.path, ...args],
  }
}
