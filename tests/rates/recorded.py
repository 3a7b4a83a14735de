"""Answers of the banks in their real formats, of a Friday and the Monday after it."""

ECB_90_DAYS = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" \
xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time="2026-02-02">
\t\t\t<Cube currency="USD" rate="1.1840"/>
\t\t\t<Cube currency="JPY" rate="183.59"/>
\t\t\t<Cube currency="PLN" rate="4.2180"/>
\t\t</Cube>
\t\t<Cube time="2026-01-30">
\t\t\t<Cube currency="USD" rate="1.1919"/>
\t\t\t<Cube currency="JPY" rate="183.12"/>
\t\t\t<Cube currency="PLN" rate="4.2103"/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>"""

ECB_DAILY = b"""<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" \
xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='2026-02-02'>
\t\t\t<Cube currency='USD' rate='1.1840'/>
\t\t\t<Cube currency='JPY' rate='183.59'/>
\t\t\t<Cube currency='PLN' rate='4.2180'/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>"""

NBP_C = (
    '{"table":"C","currency":"dolar amerykański","code":"USD","rates":['
    '{"no":"020/C/NBP/2026","effectiveDate":"2026-01-30","bid":3.5001,"ask":3.5709},'
    '{"no":"021/C/NBP/2026","effectiveDate":"2026-02-02","bid":3.5123,"ask":3.5833}]}'
).encode()

NBP_A = (
    '{"table":"A","currency":"dolar amerykański","code":"USD","rates":['
    '{"no":"020/A/NBP/2026","effectiveDate":"2026-01-30","mid":3.5379}]}'
).encode()

HTML = b"<!DOCTYPE html><html><body>Maintenance</body></html>"
