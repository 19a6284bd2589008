import type { RequestPack } from './protocol.js'

/** The requests of one process as they go over the wire, by their position among its own. */
export interface RequestStore {
  readonly count: number
  take(pack: RequestPack): void
  bytes(position: number): Uint8Array
  series(position: number): number
}

export const createRequestStore = (): RequestStore => {
  const bytes: Uint8Array[] = []
  const series: number[] = []
  return {
    get count() {
      return bytes.length
    },
    take(pack) {
      let start = 0
      for (const [index, end] of pack.ends.entries()) {
        bytes.push(pack.bytes.subarray(start, end))
        series.push(pack.series[index] ?? 0)
        start = end
      }
    },
    bytes(position) {
      const found = bytes[position]
      if (!found) throw new RangeError(`there is no request ${position}`)
      return found
    },
    series: (position) => series[position] ?? 0,
  }
}
