import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import type { CpuProfile } from '../report/flame-graph.js'

export interface OwnCost {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly value: number
}

export interface ReadProfile {
  /** For the flame graph, whose widths are of whatever was sampled. */
  readonly tree: CpuProfile
  /** Nanoseconds, or bytes. */
  readonly unit: string
  readonly total: number
  /** What each function cost by itself, the dearest one first. */
  readonly own: readonly OwnCost[]
}

interface Frame {
  readonly key: string
  readonly name: string
  readonly file: string
  readonly line: number
}

interface Node {
  readonly id: number
  readonly frame: Frame
  readonly children: Map<string, Node>
}

const ROOT: Frame = { key: '', name: '(root)', file: '', line: 0 }

/** A profile in pprof's format, gzipped: of its values the last one, which is time or bytes where the first one counts. */
export const readPprof = (bytes: Uint8Array): ReadProfile => {
  const profile = Profile.decode(gunzipSync(bytes))
  const frameOf = framesOf(profile)
  const nodes: Node[] = []
  const makeNode = (frame: Frame): Node => {
    const node = { id: nodes.length + 1, frame, children: new Map<string, Node>() }
    nodes.push(node)
    return node
  }
  const root = makeNode(ROOT)
  const samples: number[] = []
  const values: number[] = []
  const own = new Map<string, OwnCost>()
  for (const { locationId, value } of profile.sample) {
    let node = root
    // The innermost function comes first.
    for (const id of locationId.toReversed()) {
      const frame = frameOf(Number(id))
      const child: Node = node.children.get(frame.key) ?? makeNode(frame)
      node.children.set(frame.key, child)
      node = child
    }
    const amount = Number(value.at(-1) ?? 0)
    samples.push(node.id)
    values.push(amount)
    const { key, name, file, line } = node.frame
    own.set(key, { name, file, line, value: (own.get(key)?.value ?? 0) + amount })
  }
  const unit = profile.stringTable.strings[Number(profile.sampleType.at(-1)?.unit ?? 0)] ?? ''
  return {
    tree: { nodes: nodes.map(profileNode), samples, timeDeltas: values },
    unit,
    total: values.reduce((sum, value) => sum + value, 0),
    own: [...own.values()].sort((one, other) => other.value - one.value),
  }
}

const profileNode = ({ id, frame, children }: Node): CpuProfile['nodes'][number] => ({
  id,
  // V8 counts lines from 0 on, pprof from 1.
  callFrame: { functionName: frame.name, url: frame.file, lineNumber: frame.line - 1 },
  children: [...children.values()].map((child) => child.id),
})

const framesOf = (profile: Profile): ((locationId: number) => Frame) => {
  const { strings } = profile.stringTable
  const functions = new Map(profile.function.map((each) => [Number(each.id), each]))
  const frames = new Map(
    profile.location.map(({ id, line: [place] }): [number, Frame] => {
      const called = functions.get(Number(place?.functionId ?? 0))
      const name = strings[Number(called?.name ?? 0)] ?? ''
      const file = strings[Number(called?.filename ?? 0)] ?? ''
      const line = Number(place?.line ?? 0)
      return [Number(id), { key: `${name} ${file} ${line}`, name, file, line }]
    }),
  )
  return (id) => frames.get(id) ?? ROOT
}
