use super::*;

/// By coverlet 6.0.4, shortened.
const COVERLET: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<coverage line-rate="0.5588000000000001" branch-rate="0.4285" version="1.9" timestamp="1796082573">
  <sources>
    <source>/build/1/s/</source>
    <source>/build/a &amp; b/</source>
  </sources>
  <packages>
    <package name="Lib" line-rate="0.6" branch-rate="0.4" complexity="14">
      <classes>
        <class name="Shop.Cart" filename="Lib/Cart.cs" line-rate="0.5789" branch-rate="0.5" complexity="10">
          <methods>
            <method name="Add" signature="(System.Int32,System.Int32)" line-rate="0.6666" complexity="4">
              <lines>
                <line number="11" hits="1" branch="True" condition-coverage="50% (2/4)">
                  <conditions>
                    <condition number="3" type="jump" coverage="50%" />
                  </conditions>
                </line>
                <line number="16" hits="0" branch="False" />
              </lines>
            </method>
          </methods>
          <lines>
            <line number="11" hits="1" branch="True" condition-coverage="50% (2/4)">
              <conditions>
                <condition number="3" type="jump" coverage="50%" />
              </conditions>
            </line>
            <line number="16" hits="0" branch="False" />
          </lines>
        </class>
        <class name="Shop.Cart/&lt;&gt;c" filename="Lib/Cart.cs" line-rate="1" complexity="1">
          <methods />
          <lines>
            <line number="11" hits="0" branch="True" condition-coverage="0% (0/2)" />
            <line number="0" hits="4294967299" branch="False" />
            <line number="30" hits="4294967299" branch="False" />
          </lines>
        </class>
      </classes>
    </package>
  </packages>
</coverage>"#;

#[test]
fn cobertura() {
    let report = Cobertura::read(COVERLET);
    assert_eq!(report.sources, ["/build/1/s/", "/build/a & b/"]);
    let branches = |covered, all| BranchCoverage { covered, all };
    let none = BranchCoverage::default();
    assert_eq!(
        report.classes,
        [
            Class {
                name: "Shop.Cart".into(),
                file: "Lib/Cart.cs".into(),
                lines: vec![(11, true, branches(2, 4)), (16, false, none)],
            },
            Class {
                name: "Shop.Cart/<>c".into(),
                file: "Lib/Cart.cs".into(),
                lines: vec![(11, false, branches(0, 2)), (30, true, none)],
            },
        ]
    );
    // Cut short, in single quotes, and without any sense.
    let cut = COVERLET.replace('"', "'");
    let cut = &cut[..cut.find("<class name='Shop.Cart/").unwrap() + 9];
    assert_eq!(Cobertura::read(cut).classes, report.classes[..1]);
    assert_eq!(Cobertura::read("<coverage><line number='1' hits='1'/>"), Cobertura::default());
}

#[test]
fn generic() {
    let mut coverage = Coverage::default();
    for class in Cobertura::read(COVERLET).classes {
        coverage.add("Lib/Cart.cs", &class);
    }
    // Another run of the same class, and a file of a strange name.
    let lines = vec![
        (11, false, BranchCoverage { covered: 3, all: 4 }),
        (16, true, BranchCoverage { covered: 9, all: 2 }),
    ];
    coverage.add("Lib/Cart.cs", &Class { name: "Shop.Cart".into(), lines, ..Class::default() });
    let lines = vec![(1, false, BranchCoverage::default())];
    coverage.add("a<&\"b.vb", &Class { lines, ..Class::default() });
    assert_eq!(coverage.files(), 2);
    insta::assert_snapshot!(coverage.to_generic(), @r#"
    <coverage version="1">
    <file path="Lib/Cart.cs">
    <lineToCover lineNumber="11" covered="true" branchesToCover="6" coveredBranches="3"/>
    <lineToCover lineNumber="16" covered="true" branchesToCover="2" coveredBranches="2"/>
    <lineToCover lineNumber="30" covered="true"/>
    </file>
    <file path="a&lt;&amp;&quot;b.vb">
    <lineToCover lineNumber="1" covered="false"/>
    </file>
    </coverage>
    "#);
    assert_eq!(Coverage::default().to_generic(), "<coverage version=\"1\">\n</coverage>\n");
}
