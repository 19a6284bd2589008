import assert from 'node:assert/strict'
import * as subjects from '@votestream/schema/subjects'
import { IDENTITIES } from '../../src/access/identities.js'
import { natsRights } from '../../src/access/nats-rights.js'

describe('the table of rights', () => {
  const rights = natsRights(2)
  const services = IDENTITIES.filter((identity) => identity !== 'operator')

  it('has somebody who makes and writes each bucket; what may run is written by operators alone', () => {
    const buckets = Object.entries(subjects).flatMap(([name, value]) =>
      name.endsWith('_BUCKET') && typeof value === 'string' ? value : [],
    )
    assert.ok(buckets.length >= 4)
    for (const bucket of buckets) {
      const published = services.flatMap((service) => rights[service].publish.map(({ subject }) => subject))
      // One that is missing: add it to the buckets of whoever keeps it, in `nats-rights`, and run `npm run access`.
      assert.ok(published.includes(`$JS.API.STREAM.CREATE.KV_${bucket}`), bucket)
      const isWritten = published.some((subject) => subject.startsWith(`$KV.${bucket}.`))
      assert.equal(isWritten, bucket !== subjects.OPERATIONS_BUCKET, bucket)
    }
  })

  it('lets one service alone append to the log, and none delete, change or purge more than it must', () => {
    const who = (wanted: RegExp) =>
      services.filter((service) => rights[service].publish.some(({ subject }) => wanted.test(subject)))
    assert.deepEqual(who(/^votes\./), ['ingest'])
    assert.deepEqual(who(/^\$JS\.API\.STREAM\.PURGE\.VOTES_\d+$/), ['processor'])
    assert.deepEqual(
      who(/STREAM\.(DELETE|UPDATE|RESTORE|SNAPSHOT)|STREAM\.MSG\.DELETE|STREAM\.PURGE\.(?!VOTES_\d)/),
      [],
    )
    for (const service of services) {
      for (const { subject } of [...rights[service].publish, ...rights[service].subscribe]) {
        // No wildcard stands for a stream, a bucket, or all there is.
        assert.doesNotMatch(
          subject,
          /^(>|\*)|^\$JS\.API\.(>|\*|[A-Z]+\.(>|\*))|^\$KV\.(>|\*)|^_INBOX\.(>|\*)/,
          subject,
        )
      }
    }
  })
})
