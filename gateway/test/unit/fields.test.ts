import assert from 'node:assert/strict'
import { ATTEMPT_LIMIT } from '@votestream/schema/votes'
import fc from 'fast-check'
import { attemptOf, traceIdOf } from '../../src/attempts.js'
import { parseDuration } from '../../src/duration.js'
import { isPastDate, parseDateTime, repeatedName, textFault } from '../../src/text-fields.js'

describe('text fields', () => {
  it('count characters, not UTF-16 units', () => {
    assert.equal(textFault('event-name', '😀'.repeat(200)), undefined)
    assert.equal(textFault('event-name', '😀'.repeat(201)), 'must have at most 200 characters')
    assert.equal(textFault('event-name', ''), 'must not be empty')
    assert.equal(textFault('username', 'ab'), 'must have at least 3 characters')
  })

  it('accept what people are called and where they can be written to', () => {
    for (const name of ['maria', 'Ñandú_99', '山田太郎', 'o’neil', 'a b c']) {
      assert.equal(textFault('username', name), undefined, name)
    }
    for (const email of ['a@b.co', 'first.last+tag@mail.example.museum', "o'neil@xn--bcher-kva.example"]) {
      assert.equal(textFault('email', email), undefined, email)
    }
  })

  it('take no name of which nothing can be seen, and no username with a part that cannot', () => {
    for (const text of ['\u200b\u2060', '\u3164', ' \u2800 ', '\u202e', '\ufe0f']) {
      assert.equal(textFault('event-name', text), 'must not be blank or hold control characters', text)
    }
    assert.equal(textFault('event-name', 'two\u2028lines'), 'must not be blank or hold control characters')
    for (const name of ['👩‍👩‍👧', '❤️', 'שלום', '한글'])
      assert.equal(textFault('contestant-name', name), undefined)
    for (const name of ['maria\u3164', 'ma\u034fria', 'ma\u00adria', 'maria\ufe0f']) {
      assert.match(String(textFault('username', name)), /invisible/, name)
    }
  })

  it('read every moment that Date writes, whatever its offset', () => {
    const moments = fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) - 1 })
    const offsets = fc.integer({ min: -14 * 60, max: 14 * 60 })
    fc.assert(
      fc.property(moments, offsets, (ms, offset) => {
        assert.equal(parseDateTime(new Date(ms).toISOString()), ms)
        const local = ms + offset * 60_000
        fc.pre(local >= 0)
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60]
        const written = `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`
        assert.equal(parseDateTime(new Date(local).toISOString().replace('Z', written)), ms)
      }),
    )
  })

  it('know the calendar', () => {
    const now = Date.UTC(2026, 4, 16, 12)
    assert.ok(isPastDate('2024-02-29', now))
    assert.ok(isPastDate('2026-05-15', now))
    assert.ok(isPastDate('1900-01-01', now))
    for (const text of ['2026-05-16', '2023-02-29', '1899-12-31', '0099-01-01', '2000-04-31', '2000-00-00']) {
      assert.equal(isPastDate(text, now), false, text)
    }
  })

  it('find the name that was there before, however it was composed', () => {
    assert.equal(repeatedName(['Zoe\u0308', 'Ann', ' Zo\u00eb']), 2)
    assert.equal(repeatedName(['Zoe', 'zoe', 'Ann']), undefined)
  })
})

describe('attempts', () => {
  it('are the same for the same key, and below the limit', () => {
    const printable = fc.string({
      unit: fc.integer({ min: 32, max: 126 }).map((c) => String.fromCharCode(c)),
    })
    fc.assert(
      fc.property(printable, (key) => {
        fc.pre(key.length >= 1 && key.length <= 200)
        const attempt = attemptOf(key)
        assert.equal(attempt, attemptOf(key))
        assert.ok(Number.isSafeInteger(attempt) && attempt >= 0 && attempt < ATTEMPT_LIMIT)
      }),
    )
    assert.notEqual(attemptOf('a'), attemptOf('b'))
    assert.notEqual(attemptOf(undefined), attemptOf(undefined))
  })

  it('carry the trace id of a valid traceparent only', () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    assert.equal(traceIdOf(`00-${trace}-00f067aa0ba902b7-01`), trace)
    assert.equal(traceIdOf(`01-${trace}-00f067aa0ba902b7-01-later`), trace)
    const invalid = [
      `00-${trace}-00f067aa0ba902b7-01-later`,
      `ff-${trace}-00f067aa0ba902b7-01`,
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace.toUpperCase()}-00f067aa0ba902b7-01`,
      'nonsense',
      undefined,
    ]
    for (const text of invalid) assert.equal(traceIdOf(text), '', text)
  })
})

describe('durations', () => {
  it('are seconds, or a number with its unit', () => {
    assert.deepEqual(['90', '90s', '30m', '24h', '7d'].map(parseDuration), [90, 90, 1_800, 86_400, 604_800])
    for (const text of ['', '0', '-1h', '1.5h', '1w', 'h', '99999d'])
      assert.equal(parseDuration(text), undefined)
  })
})
