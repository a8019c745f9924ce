"""The plain request: one kernel from its bytes to the bytes of its Quote.

A request is plain if it names one instrument, a side or none, and a quantity, and nothing else that has to be looked
at. Most are. The kernel answers it only where it is sure; a request that would be refused, or of which anything is not
certain, it leaves to `quotelife.rfq.handler` without a trace. So each refusal has one implementation, and both ways
give the same answer.

    bytes   wire           is it the next message of its session, whole and valid?                (native engine)
      |     scan           where its fields are
      |     checks         everything for which it would be refused
      |     kernel         decides, with `quotelife.decision.kernel`
      |     quote_text     the Quote, as text for an engine that writes the header or as bytes for the wire
      |     digest         of the request, to recognise a repeated one
      v     journal        the record; from here on the quote is issued
    Quote

    numbers                numbers and times, between text and integers
    layout                 the words that all of these share
    tables, session,       what Python tells the kernel: instruments, terms, phases; of each session; of the handler
    handler_state
    answerer               calls the kernel; and after the send makes the quote one that can be hit, monitored, counted

Kernels get arrays and positions and return positions. None allocates, and what one cannot do exactly it declines.
"""
