import assert from 'node:assert/strict'
import { USER_SCOPES } from '@votestream/schema/scopes'
import { parseTokenRequest } from '../../src/token-request.js'

describe('npm run token', () => {
  it('takes scopes for an application', () => {
    assert.deepEqual(parseTokenRequest(['--scope', 'accounts:register', '--scope=votes', '--ttl', '30m']), {
      kind: 'application',
      scopes: ['accounts:register', 'votes'],
      ttlSeconds: 1_800,
    })
  })

  it('takes a number of voters', () => {
    assert.deepEqual(parseTokenRequest(['--voters', '1000']), {
      kind: 'voters',
      voters: 1_000,
      scopes: USER_SCOPES,
      ttlSeconds: undefined,
    })
  })

  it('gives voters what it is told beside what every user may', () => {
    const request = parseTokenRequest(['--voters', '2', '--scope', 'events:canary', '--scope', 'votes'])
    assert.ok(request.kind === 'voters')
    assert.deepEqual(request.scopes, [...USER_SCOPES, 'events:canary'])
  })

  it('refuses what it does not know, in a sentence', () => {
    const refused: [args: string[], sentence: RegExp][] = [
      [[], /--scope or --voters/],
      [['--scope', 'root'], /no such scope.*accounts:register/],
      [['--voters', '0'], /whole number/],
      [['--voters', '1.5'], /whole number/],
      [['--voters', 'many'], /whole number/],
      [['--voters', '1', '--ttl', 'soon'], /--ttl soon/],
      [['--verbose'], /--verbose/],
      [['votes'], /votes/],
    ]
    for (const [args, sentence] of refused) assert.throws(() => parseTokenRequest(args), sentence)
  })
})
