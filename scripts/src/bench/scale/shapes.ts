/** How many of everything a system has. */
export interface Shape {
  /** Processes that clients talk to, behind one port. */
  readonly gateways: number
  /** Ingests, and as many processors. */
  readonly owners: number
  readonly shards: number
}

export interface ShapeLists {
  readonly gateways: readonly number[]
  readonly owners: readonly number[]
  readonly shards: readonly number[]
}

/** What `npm start` has on one machine: what everything else is compared with. */
export const BASE: Shape = { gateways: 1, owners: 1, shards: 2 }

/** The base, and then each that differs from it in one thing alone; none twice. */
export const shapesOf = ({ gateways, owners, shards }: ShapeLists): Shape[] => {
  const shapes = [
    BASE,
    ...gateways.map((count) => ({ ...BASE, gateways: count })),
    ...owners.map((count) => ({ ...BASE, owners: count })),
    ...shards.map((count) => ({ ...BASE, shards: count })),
  ]
  return [...new Map(shapes.map((shape) => [nameOf(shape), shape])).values()]
}

const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`

export const nameOf = ({ gateways, owners, shards }: Shape): string =>
  `${counted(gateways, 'gateway')}, ${counted(owners, 'ingest')} and ${counted(owners, 'processor')}, ${counted(shards, 'shard')}`
