import type { SecondFigures } from './seconds.js'

/** One line for one second of a run. */
export const progressLine = (figures: SecondFigures): string => {
  const { second, asked, sent, acknowledged, errors, p50Ms, p99Ms } = figures
  const rate = `${asked?.toFixed(0) ?? '–'}/s asked, ${sent} sent, ${acknowledged} acknowledged`
  const faults = Object.entries(errors).map(([code, count]) => `${code}: ${count}`)
  const line = `${String(second + 1).padStart(5)} s  ${rate}, p50 ${shownMs(p50Ms)}, p99 ${shownMs(p99Ms)}`
  return faults.length > 0 ? `${line}, ${faults.join(', ')}` : line
}

/** Three digits or so, with the unit. */
export const shownMs = (ms: number): string => {
  if (Number.isNaN(ms)) return '–'
  return `${ms.toFixed(ms < 10 ? 2 : ms < 100 ? 1 : 0)} ms`
}
