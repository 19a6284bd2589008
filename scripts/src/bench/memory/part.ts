import { definePart } from '../part.js'
import { type MemoryFigures, measureMemory } from './memory.js'

export const memoryPart = definePart({
  name: 'memory',
  about: "what a voter takes in ingest's voted set, and what an account takes in nats-server",
  options: {
    voters: { default: 30_000_000, hint: 'N', about: 'who have voted, one number after the other' },
    accounts: { default: 200_000, hint: 'N', about: 'each a key in accounts and one in credentials' },
  },
  async measure(options, say) {
    const figures = await measureMemory({ ...options, say })
    return { figures, tables: [{ title: 'Memory', rows: memoryRows(figures) }], isGood: true }
  },
})

const memoryRows = (figures: MemoryFigures): string[][] => [
  ['of each', 'bytes'],
  ['a voter in the voted set, dense', figures.votedSetBytes.toFixed(3)],
  ["an account in nats-server's memory", figures.accountIndexBytes.toFixed(0)],
  ['an account on its disk', figures.accountDiskBytes.toFixed(0)],
]
