import assert from 'node:assert/strict'
import { parseReconcileRequest } from '../../src/books/options.js'

describe('The options of npm run reconcile', () => {
  it('are everything, in tables, after ten seconds at most, when none is given', () => {
    assert.deepEqual(parseReconcileRequest([]), {
      isHelp: false,
      isJson: false,
      waitMs: 10_000,
      showsProgress: false,
      events: [],
    })
  })

  it('name events by number and by public id, as often as wanted', () => {
    const id = 'abcdefghijklmnopqrstu_'
    assert.deepEqual(parseReconcileRequest(['--event', '7', '--event', id, '--event=0']).events, [7, id, 0])
  })

  it('are refused with a sentence that names what was given', () => {
    for (const [args, sentence] of [
      [['--event', 'final'], /--event final: must be an event's public id or its number/],
      [['--event', '4294967296'], /--event 4294967296: must be/],
      [['--wait', 'long'], /--wait long: must be a number of seconds/],
      [['--wait', '0'], /--wait 0: must be a number of seconds/],
      [['--jsn'], /Unknown option '--jsn'/],
      [['everything'], /Unexpected argument 'everything'/],
    ] as const) {
      assert.throws(() => parseReconcileRequest(args), sentence)
    }
  })
})
