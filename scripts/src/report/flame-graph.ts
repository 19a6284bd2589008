import { escapeText } from './escape-text.js'

/** What V8's profiler writes, as far as it is needed; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const WIDTH = 1_200
const ROW = 17
/** Narrower is not drawn: nobody could point at it. */
const WIDTH_MIN = 0.6
/** A letter of 11 pixels is as wide as this. */
const LETTER = 6.2
/** Time in which nothing was to be done. */
const IDLE = '(idle)'

interface Bar {
  readonly name: string
  readonly place: string
  readonly depth: number
  readonly x: number
  readonly width: number
  readonly share: number
}

/** What a process did with its processor time, as SVG: who calls stands above whom it calls, as wide as it took long. */
export const flameGraph = (profile: CpuProfile): string => {
  const bars = barsOf(profile)
  const height = (1 + Math.max(0, ...bars.map(({ depth }) => depth))) * ROW
  const drawn = bars.map(({ name, place, depth, x, width, share }) => {
    const letters = Math.floor((width - 4) / LETTER)
    const text = letters < 3 ? '' : escapeText(name.slice(0, letters))
    const about = escapeText(`${name} ${place} ${(100 * share).toFixed(1)} %`)
    const box = `x="${x.toFixed(1)}" y="${depth * ROW}" width="${width.toFixed(1)}" height="${ROW - 1}"`
    const label = text && `<text x="${(x + 2).toFixed(1)}" y="${depth * ROW + 12}">${text}</text>`
    return `<g><title>${about}</title><rect ${box} fill="${colourOf(place)}"/>${label}</g>`
  })
  const font = 'font-family="monospace" font-size="11"'
  return `<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ${font}>${drawn.join('')}</svg>`
}

const barsOf = ({ nodes, samples, timeDeltas }: CpuProfile): Bar[] => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const own = new Map<number, number>()
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0))
  for (const { id, callFrame } of nodes) if (callFrame.functionName === IDLE) own.delete(id)
  const totals = new Map<number, number>()
  const totalOf = (id: number): number => {
    const known = totals.get(id)
    if (known !== undefined) return known
    const total = (byId.get(id)?.children ?? []).reduce(
      (sum, child) => sum + totalOf(child),
      own.get(id) ?? 0,
    )
    totals.set(id, total)
    return total
  }
  const bars: Bar[] = []
  const [root] = nodes
  const all = root ? totalOf(root.id) : 0
  const draw = (id: number, x: number, depth: number): void => {
    const width = (WIDTH * totalOf(id)) / all
    const frame = byId.get(id)?.callFrame
    if (!frame || !(width >= WIDTH_MIN)) return
    const place = placeOf(frame)
    bars.push({ name: frame.functionName || '(anonymous)', place, depth, x, width, share: totalOf(id) / all })
    let childX = x
    for (const child of byId.get(id)?.children ?? []) {
      draw(child, childX, depth + 1)
      childX += (WIDTH * totalOf(child)) / all
    }
  }
  if (root && all > 0) draw(root.id, 0, 0)
  return bars
}

/** `gateway/src/votes.ts:41`, or `gateway/dist/src/votes.js:39` of one without a source map, `fastify/lib/reply.js:156`, `node:net:927`. */
export const placeOf = ({ url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string => {
  const path = url
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/((?:schema|infra|gateway|ingest|processor)\/(?:dist|src)\/)/, '$1')
  return path === '' ? '' : `${path}:${lineNumber + 1}`
}

/** Ours, Node's, libraries', and what has no place: the engine's own. */
const colourOf = (place: string): string => {
  if (/^(schema|infra|gateway|ingest|processor)\//.test(place)) return '#fdba74'
  if (place.startsWith('node:')) return '#a7f3d0'
  return place === '' ? '#e5e7eb' : '#bfdbfe'
}
