import assert from 'node:assert/strict'
import { createPropagation } from '../../../src/telemetry/propagation.js'
import { readTraceParent, traceParentOf } from '../../../src/telemetry/trace-context.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const ROOT = `Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}`

describe('the context of a trace', () => {
  const w3c = createPropagation(['tracecontext', 'baggage'])
  const xray = createPropagation(['xray'])
  const both = createPropagation(['tracecontext', 'xray'])

  it('is taken from traceparent and tracestate, with the flag as it is', () => {
    const tracestate = 'a=1,b=2'
    assert.deepEqual(w3c.parentOf({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate }), {
      traceId: TRACE,
      spanId: SPAN,
      sampled: true,
      traceState: tracestate,
    })
    const parent = w3c.parentOf({ traceparent: `00-${TRACE}-${SPAN}-00` })
    assert.deepEqual([parent?.sampled, parent?.traceState], [false, undefined])
    // A later version may say more behind the flags.
    assert.equal(w3c.parentOf({ traceparent: `01-${TRACE}-${SPAN}-01-more` })?.sampled, true)
  })

  it('is none where what was sent is not valid', () => {
    const wrong = [
      '',
      'x',
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${TRACE}-${SPAN}-01`.repeat(1_000),
    ]
    for (const traceparent of wrong) assert.equal(w3c.parentOf({ traceparent }), undefined, traceparent)
    assert.equal(w3c.parentOf({}), undefined)
    assert.equal(
      w3c.parentOf({ tracestate: 'a=1', 'x-amzn-trace-id': `${ROOT};Parent=${SPAN};Sampled=1` }),
      undefined,
    )
  })

  it('has at most 512 characters of tracestate', () => {
    const tracestate = `a=${'x'.repeat(200)},b=${'y'.repeat(200)},c=${'z'.repeat(200)}`
    const parent = w3c.parentOf({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate })
    assert((parent?.traceState ?? '').length <= 512)
  })

  it('is taken from X-Amzn-Trace-Id, also where it leaves open whether it is sampled, or names no span', () => {
    const taken = (header: string) => xray.parentOf({ 'x-amzn-trace-id': header })
    const of = (header: string) => {
      const { traceId, spanId, sampled } = taken(header) ?? {}
      return [traceId, spanId, sampled]
    }
    assert.deepEqual(of(`${ROOT};Parent=${SPAN};Sampled=1`), [TRACE, SPAN, true])
    assert.deepEqual(of(`${ROOT};Parent=${SPAN};Sampled=0`), [TRACE, SPAN, false])
    assert.deepEqual(of(`${ROOT};Parent=${SPAN};Sampled=?`), [TRACE, SPAN, undefined])
    assert.deepEqual(of(`Self=1-2-3;${ROOT}`), [TRACE, undefined, undefined])
    for (const wrong of [
      '',
      'Root=1-2-3',
      `Root=1-${'0'.repeat(8)}-${'0'.repeat(24)}`,
      `Parent=${SPAN};Sampled=1`,
    ]) {
      assert.equal(taken(wrong), undefined, wrong)
    }
    assert.equal(xray.parentOf({ traceparent: `00-${TRACE}-${SPAN}-01` }), undefined)
  })

  it('is, of two that are sent, that of the propagator named last', () => {
    const other = 'f'.repeat(32)
    const sent = {
      traceparent: `00-${other}-${SPAN}-00`,
      'x-amzn-trace-id': `${ROOT};Parent=${SPAN};Sampled=1`,
    }
    assert.equal(both.parentOf(sent)?.traceId, TRACE)
    assert.equal(createPropagation(['xray', 'tracecontext']).parentOf(sent)?.traceId, other)
  })

  it('is told in an answer in the one way that there is for that', () => {
    const context = { traceId: TRACE, spanId: SPAN }
    assert.deepEqual(w3c.responseFields(context), {})
    assert.deepEqual(xray.responseFields(context), { 'x-amzn-trace-id': `${ROOT};Parent=${SPAN};Sampled=1` })
  })

  it('goes from service to service as it was written', () => {
    const context = { traceId: TRACE, spanId: SPAN }
    assert.deepEqual(readTraceParent(traceParentOf(context)), context)
    for (const text of [undefined, '', `00-${TRACE}-${SPAN}-00`, `00-${TRACE}-${SPAN}-01 `]) {
      assert.equal(readTraceParent(text), undefined)
    }
  })
})
