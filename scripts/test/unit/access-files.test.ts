import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '@votestream/infra/servers/repository-root'
import { accessFiles, SHARDS_SHIPPED } from '../../src/access-files.js'

describe("the files for servers of one's own", () => {
  for (const [name, text] of Object.entries(accessFiles(SHARDS_SHIPPED))) {
    it(`${name} says what the table of rights says: \`npm run access\` writes it`, () => {
      assert.equal(readFileSync(join(repositoryRoot(), name), 'utf8'), text)
    })
  }
})
