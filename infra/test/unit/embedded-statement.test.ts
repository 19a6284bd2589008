import assert from 'node:assert/strict'
import fc from 'fast-check'
import { sqlString, tokensOf } from '../../embedded/sql-text.js'
import { analyzeStatement } from '../../embedded/statement.js'

const analyze = (sql: string, role: 'owner' | 'analyst' = 'owner') =>
  analyzeStatement(sql, 'TabSeparated', role)

function refusedCode(sql: string, role: 'owner' | 'analyst' = 'owner'): number | undefined {
  const statement = analyze(sql, role)
  return statement.kind === 'refused' ? statement.exception.exceptionCode : undefined
}

describe('statement of the embedded server', () => {
  it('puts the result file before the last FORMAT clause, and into no string or comment', () => {
    const statement = analyze(
      "SELECT 'x FORMAT CSV' AS format /* ; */ FORMAT JSON SETTINGS max_threads = 1; -- end",
    )
    assert.equal(statement.kind, 'read')
    if (statement.kind !== 'read') return
    assert.equal(statement.format, 'JSON')
    const expected =
      "SELECT 'x FORMAT CSV' AS format /* ; */ \nINTO OUTFILE '/f' TRUNCATE FORMAT JSON  SETTINGS max_threads = 1"
    assert.equal(statement.resultSql('/f'), expected)
  })

  it('finds where the data of an INSERT begins, whatever the data holds', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const head = 'INSERT INTO t (id, `format`) SETTINGS max_threads = 1 FORMAT RowBinary\n'
        const statement = analyze(head + Buffer.from(bytes).toString('latin1'))
        assert.ok(statement.kind === 'insert')
        assert.equal(statement.dataAt, head.length)
        const sql =
          "INSERT INTO t (id, `format`) \nFROM INFILE '/f' SETTINGS max_threads = 1 \nFORMAT RowBinary"
        assert.equal(statement.insertSql('/f'), sql)
      }),
    )
  })

  it('refuses several statements, files of the machine and, for the analyst, all but reads', () => {
    assert.equal(refusedCode('SELECT 1; DROP TABLE t'), 62)
    assert.equal(refusedCode("SELECT ';'; "), undefined)
    assert.equal(refusedCode("SELECT 1 into /* */ outfile 'x'"), 358)
    assert.equal(refusedCode("INSERT INTO t FROM INFILE 'x' FORMAT CSV"), 48)
    for (const sql of [
      'INSERT INTO t VALUES (1)',
      'DROP TABLE t',
      "SELECT FILE ('x')",
      "DESCRIBE url('x')",
      "DESCRIBE oss('x')",
      "SELECT arrayMap(file, ['x'])",
      "SELECT * APPLY(`file`) FROM (SELECT 'x')",
      "SELECT * FROM eval('SELECT 1')",
    ]) {
      assert.equal(refusedCode(sql, 'analyst'), 164, sql)
    }
    assert.equal(refusedCode('SELEC 1', 'analyst'), 62)
    assert.equal(refusedCode("SELECT url, 'file(1)' FROM votes", 'analyst'), undefined)
  })

  it('writes every text as exactly one string literal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const tokens = [...tokensOf(`${sqlString(text)} x`)]
        assert.deepEqual(
          tokens.map((token) => token.kind),
          ['string', 'word'],
        )
      }),
    )
  })
})
