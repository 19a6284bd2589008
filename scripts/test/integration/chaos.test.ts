import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChaos } from '../../src/chaos/run.js'
import { type FaultName, KINDS } from '../../src/chaos/schedule.js'

const FAULTS: FaultName[] = [
  ...KINDS.map((kind) => `kill-${kind}` as const),
  ...KINDS.map((kind) => `stop-${kind}` as const),
]

describe('chaos', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'votestream-chaos-'))
  })
  after(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  it('each process killed and stopped under load: no vote lost, none doubled, nobody stuck, the books balance', async function () {
    this.timeout(240_000)
    const { rows, violations, answers, boards } = await runChaos({
      folder,
      seed: 20_26,
      durationMs: 25_000,
      faults: FAULTS,
      rate: 60,
      pace: 3,
      say: () => undefined,
      signal: new AbortController().signal,
    })
    assert.deepEqual(violations, [])
    const struck = rows.filter(({ runs }) => runs > 0).map(({ fault }) => fault)
    assert.deepEqual(struck, [...FAULTS].sort())
    assert.ok((answers[200] ?? 0) > 500)
    assert.ok((answers[409] ?? 0) > 20)
    assert.ok(boards > 20)
  })
})
