Public Class Invoice
    Public Property Total As Integer

    Public Function IsLarge() As Boolean
        If Total > 1000 Then
            Return True
        Else
            Return False
        End If
    End Function
End Class
