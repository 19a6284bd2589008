import type { BenchResults } from './bench-files.js'
import type { Capacity } from './capacity.js'
import type { Demand } from './demand.js'

/** The document of `--json`: amounts in cores, nodes, bytes and bits a second; figures with part and date. */
export const capacityDocument = (demand: Demand, results: BenchResults, capacity: Capacity) => ({
  version: 1,
  demand,
  measurements: results.measurements,
  lines: capacity.lines,
  limits: capacity.limits,
  doubts: capacity.doubts,
})
