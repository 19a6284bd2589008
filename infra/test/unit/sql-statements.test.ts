import assert from 'node:assert/strict'
import { splitStatements } from '../../src/sql-statements.js'

describe('SQL statements', () => {
  it('end at a semicolon, and only at one that is not in a text, a name or a comment', () => {
    const sql = `
      -- a comment; with a semicolon
      SELECT ';', "a;b", \`c;d\`, 'it''s; \\'so\\';' /* ; */ ; ;
      SELECT 2 -- the end;`
    assert.deepEqual(splitStatements(sql), [`SELECT ';', "a;b", \`c;d\`, 'it''s; \\'so\\';'`, 'SELECT 2'])
  })

  it('are none in a file of comments', () => {
    assert.deepEqual(splitStatements('-- nothing\n/* here; */ ;'), [])
  })

  it('stay whole around a minus and a slash', () => {
    assert.deepEqual(splitStatements('SELECT 4 - 1 / 2'), ['SELECT 4 - 1 / 2'])
  })
})
