"""A payment between two clients, as a story in this order.

`states` has its words and `table` its rules. A machine is told `facts` and asks for `effects`, some of
which keep `records`; `machine` is what both sides share, `setup` what each brings. The payer decides on
a `spending` out of its `chain`s, its chip signs (`payer`), and it hands over (`handing_over`). The payee
offers, has it cashed (`payee`) and loads the `arrivals`; or without a manager it forms a judgement
(`verification`) and its chip accepts (`offline_payee`). What either checks of the other is in `checks`.
"""
