// Loaded into a service before its first line (node --import): its wall clock is wrong by as many milliseconds as
// a file says. The file's path is this module's query. Monotonic clocks and timers go on as they are, as they do
// where somebody sets a machine's clock.

import { readFileSync } from 'node:fs'

const LOOK_EVERY_MS = 25

const file = new URL(import.meta.url).searchParams.get('file')
const RealDate = Date
const realNow = Date.now
let offsetMs = 0

const look = (): void => {
  try {
    offsetMs = Number(readFileSync(file ?? '', 'utf8')) || 0
  } catch {
    offsetMs = 0
  }
}

if (file !== null) {
  look()
  setInterval(look, LOOK_EVERY_MS).unref()
  const now = (): number => realNow() + offsetMs
  RealDate.now = now
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(
        target,
        args.length === 0 ? [now()] : args,
        newTarget === globalThis.Date ? target : newTarget,
      ),
    apply: () => new RealDate(now()).toString(),
  })
}
