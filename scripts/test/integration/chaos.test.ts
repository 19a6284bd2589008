import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChaos } from '../../src/chaos/run.js'
import { FAULTS } from '../../src/chaos/schedule.js'

describe('chaos', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'votestream-chaos-'))
  })
  after(async () => {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  it('a minute of faults of every kind under load: no vote lost, none doubled, nobody stuck, the books balance', async function () {
    this.timeout(300_000)
    const { rows, leftOut, violations, answers, boards } = await runChaos({
      folder,
      seed: 20_26,
      durationMs: 60_000,
      faults: FAULTS,
      rate: 60,
      // So quick that each kind comes at least once.
      pace: 4,
      say: () => undefined,
      signal: new AbortController().signal,
    })
    // How late things were is judged by `npm run chaos`, on a machine that does nothing else.
    assert.deepEqual(
      violations.filter(({ column }) => column !== 'late'),
      [],
    )
    const struck = rows.filter(({ runs }) => runs > 0).length
    assert.ok(struck >= FAULTS.length - leftOut.length, `${struck} of ${FAULTS.length}`)
    assert.ok((answers[200] ?? 0) > 1_500)
    assert.ok((answers[409] ?? 0) > 50)
    assert.ok(boards > 50)
  })
})
