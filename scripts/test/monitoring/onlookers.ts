import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import type { TemporarySystem } from '../../src/browser/temporary-system.js'

/** `npm run synthetic` over a system: a check now and then, and its figures on a port of its own. */
export const startProber = async (
  system: TemporarySystem,
  metricsPort: number,
): Promise<{ stop(): Promise<void> }> => {
  const command = join(repositoryRoot(), 'scripts/dist/src/synthetic.js')
  const child = spawn(
    process.execPath,
    [command, '--checks-per-hour', '7200', '--checks', '600', '--metrics-port', String(metricsPort)],
    { env: system.variables, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const answers = () =>
    fetch(`http://127.0.0.1:${metricsPort}/metrics`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`the prober ended with ${child.exitCode}`)
    await pause(50)
  }
  return {
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS)
      await exited
      clearTimeout(late)
    },
  }
}

const STOP_WITHIN_MS = 10_000

const MEASURES = ['vote_to_seen', 'connect_to_first_board', 'lcp', 'inp', 'ttfb', 'fcp']

/** What a visitor's page tells, again and again, so that there is a rate of it. @returns how to stop. */
export const startPages = (system: TemporarySystem): (() => void) => {
  const body = JSON.stringify({
    samples: MEASURES.map((measure) => ({ measure, seconds: 0.12 })),
    layout_shift: 0.01,
    errors: { script: 1 },
  })
  const tell = () =>
    void fetch(`${system.base}/rum`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    }).catch(() => undefined)
  const timer = setInterval(tell, 500)
  return () => clearInterval(timer)
}
